import { type ApiLog, watchApi } from './api-watch.js'
import type { Observer } from './observe.js'

/** Watches Turnstile's API. */
export function watchTurnstile(observer: Observer): ApiLog {
  return watchApi(observer, {
    name: 'turnstile',
    noted: ['render', 'execute', 'reset', 'remove'],
    reads: { getResponse: ({ token }) => token, isExpired: () => false },
    meansLast: true,
  })
}
