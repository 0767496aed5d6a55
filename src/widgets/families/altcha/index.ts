import { z } from 'zod'
import { proofOfWorkFacts, readProofOfWork } from '../../proof-of-work.js'
import type { Widget } from '../../widget.js'

const shape = z.object(proofOfWorkFacts)

/** ALTCHA, versions 1 to 3 of the widget. */
export const altcha: Widget<z.output<typeof shape>> = {
  family: 'altcha',
  shape,
  // The site says how long; the vendor's documentation recommends twenty minutes.
  tokenLifetimeMs: 1_200_000,
  // Its hosted service is told the site by `?apiKey=…`.
  read: (raw) => readProofOfWork(raw, 'altcha', (endpoint) => endpoint.searchParams.get('apiKey')),
  isVendorFrame: () => false,
  interaction: () => 'proof-of-work',
}
