import { z } from 'zod'
import { proofOfWorkShape, readProofOfWork } from '../../proof-of-work.js'
import type { Widget } from '../../widget.js'

const shape = z.object(proofOfWorkShape)

/** ALTCHA, versions 1 to 3 of the widget. */
export const altcha: Widget<z.output<typeof shape>> = {
  family: 'altcha',
  shape,
  // The site decides; the vendor recommends twenty minutes (https://altcha.org/docs/).
  tokenLifetimeMs: 1_200_000,
  // The hosted service receives the site's key in `?apiKey=…`.
  read: (raw) => readProofOfWork(raw, 'altcha', (endpoint) => endpoint.searchParams.get('apiKey')),
  isVendorFrame: () => false,
  interaction: () => 'proof-of-work',
}
