import { z } from 'zod'
import type { Variant } from '../base/challenge.js'
import type { Reading } from './widget.js'

/** The facts that the page reports of a proof-of-work widget. */
export const proofOfWorkFacts = {
  /** The address from which it requests its challenge, as the page has it: it may be relative. */
  endpoint: z.string().max(2_048).optional().catch(undefined),
  /** Whether it starts by itself when the form is submitted. */
  onSubmit: z.boolean(),
  visible: z.boolean(),
  answered: z.boolean(),
  working: z.boolean(),
}

type Facts = z.output<z.ZodObject<typeof proofOfWorkFacts>>

const SITEKEY = /^[\w.:-]{1,256}$/
/** The sitekey of a site whose endpoint names no key. */
const NO_SITEKEY = 'self-hosted'
/** A base for parsing relative addresses. */
const ANYWHERE = 'http://page.invalid'

/** Reads the checked facts. @param keyIn the sitekey in the endpoint's address, if it has one */
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
