import type { Observer } from '../../../page/install.js'
import { type ApiLog, watchApi } from '../../../page-kit/api-watch.js'

/** Watches hCaptcha's API. */
export function watchHcaptcha(observer: Observer): ApiLog {
  return watchApi(observer, {
    name: 'hcaptcha',
    noted: ['render', 'execute', 'reset', 'remove', 'setData'],
    reads: { getResponse: ({ token }) => token, getRespKey: ({ key }) => key },
    meansLast: false,
  })
}
