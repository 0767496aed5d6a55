import { z } from 'zod'
import type { Variant } from '../base/challenge.js'
import type { Reading } from './widget.js'

/** What the page says of a widget that has the browser work out a proof. */
export const proofOfWorkFacts = {
  /** Where it gets its challenge from, as it stands in the page. */
  endpoint: z.string().max(2_048).optional().catch(undefined),
  /** Whether it begins by itself when the form is sent. */
  onSubmit: z.boolean(),
  visible: z.boolean(),
  answered: z.boolean(),
  working: z.boolean(),
}

type Facts = z.output<z.ZodObject<typeof proofOfWorkFacts>>

const SITEKEY = /^[\w.:-]{1,256}$/
/** Stands where a site names itself by nothing but its own address. */
const NO_SITEKEY = 'self-hosted'
/** Only for reading addresses that are relative to the page's. */
const ANYWHERE = 'http://page.invalid'

/** What the checked facts mean. `keyIn` says where the endpoint's address has a sitekey. */
export function readProofOfWork(
  { endpoint, onSubmit, visible, answered, working }: Facts,
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
