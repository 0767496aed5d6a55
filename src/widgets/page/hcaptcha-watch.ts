import { type ApiLog, watchApi } from './api-watch.js'
import type { Observer } from './observe.js'

/** Watches hCaptcha's API. */
export function watchHcaptcha(observer: Observer): ApiLog {
  return watchApi(observer, {
    name: 'hcaptcha',
    noted: ['render', 'execute', 'reset', 'remove', 'setData'],
    reads: { getResponse: ({ token }) => token, getRespKey: ({ key }) => key },
    meansLast: false,
  })
}
