import { type ApiCall, type ApiLog, watchApi } from '../../../page-kit/api-watch.js'
import { pushBounded, remove } from '../../../page-kit/primordials.js'
import { hasGlobal, type Watch } from '../../../page-kit/watcher.js'

/**
 * Watches the API of Yandex SmartCaptcha.
 *
 * @see https://yandex.cloud/en/docs/smartcaptcha/concepts/widget-methods
 */
export const yandexWatch: Watch<ApiLog> = {
  name: 'yandex',
  isThere: /* @__PURE__ */ hasGlobal('smartCaptcha'),
  watch: (observer) =>
    watchApi(observer, {
      name: 'smartCaptcha',
      recorded: ['render', 'execute', 'executePromise', 'reset', 'destroy'],
      reads: { getResponse: ({ token }) => token },
      defaultsToLast: false,
      addHandlers(handlers, calls, p) {
        // (widget's id, event, function) => unsubscribe. The function is recorded as the call's result.
        handlers.subscribe = (original, self, args) => {
          const unsubscribe = p.apply(original, self, args)
          const call: ApiCall = { name: 'subscribe', target: args[0], params: args[1], result: args[2] }
          pushBounded(calls, call)
          return function (this: unknown) {
            remove(calls, call)
            return p.apply(unsubscribe as () => unknown, this, [])
          }
        }
      },
    }),
}
