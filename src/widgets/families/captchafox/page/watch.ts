import { type ApiLog, watchApi } from '../../../page-kit/api-watch.js'
import { hasGlobal, type Watch } from '../../../page-kit/watcher.js'

/**
 * Watches CaptchaFox's API.
 *
 * @see https://docs.captchafox.com/widget-api
 */
export const captchafoxWatch: Watch<ApiLog> = {
  name: 'captchafox',
  isThere: /* @__PURE__ */ hasGlobal('captchafox'),
  watch: (observer) =>
    watchApi(observer, {
      name: 'captchafox',
      recorded: ['render', 'execute', 'reset', 'remove'],
      reads: { getResponse: ({ token }) => token },
      defaultsToLast: false,
      // Its components call it without an id before they render.
      needsTarget: 'remove',
    }),
}
