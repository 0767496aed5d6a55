import { proofOfWork, stateOf } from '../../../page-kit/proof-of-work.js'
import { read } from '../../../page-kit/safe-read.js'
import { text } from '../../../page-kit/text.js'

const STATES = { verifying: 'working', error: 'failed' } as const

/**
 * The page half of Cap: `<cap-widget>`, which renders into an open shadow root and keeps its answer in a hidden field
 * beside it.
 *
 * @see https://capjs.js.org/guide/widget.html
 */
export const cap = proofOfWork({
  name: 'cap-widget',
  addresses: ['cap-widget', '@cap.js', '/cap.'],
  method: 'solve',
  inspect(context, element) {
    const { dom } = context
    const shadow = dom.shadow(element)
    const box = shadow && dom.all(shadow, '.captcha')[0]
    const field = dom.inElement(element, 'input[type="hidden"]')[0]
    const token = field ? dom.value(field) : ''
    return {
      endpoint: dom.attribute(element, 'data-cap-api-endpoint'),
      onSubmit: false,
      // Until its script has run, the element is empty.
      visible: box !== undefined && dom.seen(element),
      state: token ? 'answered' : stateOf(context, STATES, box && dom.attribute(box, 'data-state')),
      token,
    }
  },
  failure: ({ p }, event) => text(read(p, read(p, event, 'detail'), 'code')) ?? '',
})
