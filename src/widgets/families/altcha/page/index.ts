import { proofOfWork, stateOf } from '../../../page-kit/proof-of-work.js'
import { read } from '../../../page-kit/safe-read.js'

const STATES = {
  unverified: 'idle',
  expired: 'idle',
  verifying: 'working',
  verified: 'answered',
  error: 'failed',
  code: 'needs-code',
} as const

/**
 * The page half of ALTCHA: `<altcha-widget>`, which renders into the document itself.
 *
 * @see https://altcha.org/docs/v2/widget-integration/
 */
export const altcha = proofOfWork({
  name: 'altcha-widget',
  addresses: ['altcha'],
  method: 'verify',
  inspect(context, element) {
    const { p, dom } = context
    const box = dom.inElement(element, '.altcha[data-state]')[0]
    const field = dom.inElement(element, 'input[type="hidden"]')[0]
    const error = dom.inElement(element, '.altcha-error[title]')[0]
    const state = stateOf(context, STATES, box && dom.attribute(box, 'data-state'))
    return {
      // Named `challengeurl` before version 3.
      endpoint: dom.attribute(element, 'challenge') ?? dom.attribute(element, 'challengeurl'),
      onSubmit: (dom.attribute(element, 'auto') ?? configured()) === 'onsubmit',
      // Until its script has run, the element is empty.
      visible: box !== undefined && dom.seen(box),
      state,
      token: state === 'answered' && field ? dom.value(field) : '',
      reason: error && dom.attribute(error, 'title'),
    }

    /** The setting of a page that uses code, or the `display` attribute, instead of `auto`. */
    function configured(): unknown {
      try {
        const get = read(p, element, 'getConfiguration')
        return typeof get === 'function' ? read(p, p.apply(get as () => unknown, element, []), 'auto') : undefined
      } catch {
        return undefined
      }
    }
  },
})
