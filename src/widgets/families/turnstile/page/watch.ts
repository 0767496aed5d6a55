import { type ApiLog, watchApi } from '../../../page-kit/api-watch.js'
import { hasGlobal, type Watch } from '../../../page-kit/watcher.js'

/**
 * Watches Turnstile's API.
 *
 * @see https://developers.cloudflare.com/turnstile/get-started/client-side-rendering/
 */
export const turnstileWatch: Watch<ApiLog> = {
  name: 'turnstile',
  isThere: /* @__PURE__ */ hasGlobal('turnstile'),
  watch: (observer) =>
    watchApi(observer, {
      name: 'turnstile',
      recorded: ['render', 'execute', 'reset', 'remove'],
      reads: { getResponse: ({ token }) => token, isExpired: () => false },
      defaultsToLast: true,
    }),
}
