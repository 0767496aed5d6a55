import { z } from 'zod'
import type { Variant } from '../base/challenge.js'
import type { ProofOfWorkFacts } from './page-kit/protocol.js'
import type { Reading, Shape } from './widget.js'

/** The bounds of the facts that the page reports of a proof-of-work widget. */
export const proofOfWorkShape = {
  endpoint: z.string().max(2_048).optional().catch(undefined),
  onSubmit: z.boolean(),
  visible: z.boolean(),
  answered: z.boolean(),
  working: z.boolean(),
} satisfies Shape<ProofOfWorkFacts>

const SITEKEY = /^[\w.:-]{1,256}$/
/** The sitekey of a site whose endpoint names no key. */
const NO_SITEKEY = 'self-hosted'
/** A base for parsing relative addresses. */
const ANYWHERE = 'http://page.invalid'

/** Reads the checked facts. @param keyIn the sitekey in the endpoint's address, if it has one */
export function readProofOfWork(
  { endpoint, onSubmit, visible, answered, working }: z.output<z.ZodObject<typeof proofOfWorkShape>>,
  variant: Variant,
  keyIn: (endpoint: URL) => string | null | undefined,
): Reading {
  const address = endpoint && URL.canParse(endpoint, ANYWHERE) ? new URL(endpoint, ANYWHERE) : undefined
  const key = address && keyIn(address)
  return {
    challenge: { variant, sitekey: key && SITEKEY.test(key) ? key : NO_SITEKEY },
    visible,
    answered,
    executed: working,
    due: !answered && (working || (visible && !onSubmit)),
  }
}
