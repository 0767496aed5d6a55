import type { Observer } from '../../../page/install.js'
import { type ApiLog, watchApi } from '../../../page-kit/api-watch.js'

/** Watches Turnstile's API. */
export function watchTurnstile(observer: Observer): ApiLog {
  return watchApi(observer, {
    name: 'turnstile',
    noted: ['render', 'execute', 'reset', 'remove'],
    reads: { getResponse: ({ token }) => token, isExpired: () => false },
    meansLast: true,
  })
}
