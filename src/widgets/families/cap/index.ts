import { z } from 'zod'
import { proofOfWorkShape, readProofOfWork } from '../../proof-of-work.js'
import type { Widget } from '../../widget.js'

const shape = z.object(proofOfWorkShape)

/**
 * Cap (capjs).
 *
 * @see https://capjs.js.org/guide/
 */
export const cap: Widget<z.output<typeof shape>> = {
  family: 'cap',
  shape,
  // The server's default.
  tokenLifetimeMs: 1_200_000,
  // A standalone server has a path for each site, `https://cap.example.com/<sitekey>/`:
  // https://capjs.js.org/guide/widget.html
  read: (raw) => readProofOfWork(raw, 'cap', (endpoint) => /\/([\w-]+)\/?$/.exec(endpoint.pathname)?.[1]),
  isVendorFrame: () => false,
  interaction: () => 'proof-of-work',
}
