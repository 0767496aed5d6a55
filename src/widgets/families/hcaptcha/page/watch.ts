import { type ApiLog, watchApi } from '../../../page-kit/api-watch.js'
import { hasGlobal, type Watch } from '../../../page-kit/watcher.js'

/**
 * Watches hCaptcha's API.
 *
 * @see https://docs.hcaptcha.com/configuration
 */
export const hcaptchaWatch: Watch<ApiLog> = {
  name: 'hcaptcha',
  isThere: /* @__PURE__ */ hasGlobal('hcaptcha'),
  watch: (observer) =>
    watchApi(observer, {
      name: 'hcaptcha',
      recorded: ['render', 'execute', 'reset', 'remove', 'setData'],
      reads: { getResponse: ({ token }) => token, getRespKey: ({ key }) => key },
      defaultsToLast: false,
    }),
}
