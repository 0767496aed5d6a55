import type { Answer, AnyChallenge, ChallengeOf, Family, Variant, Variants } from '../base/challenge.js'

/** The raw answer in a reply: in the form family the whole reply, in the task family its `solution`. Untrusted. */
export type RawAnswer = Readonly<Record<string, unknown>>

/** How one service solves a family: the variants, the fields of the request, and how to read the answer. */
export interface Method<F extends Family> {
  readonly variants: readonly Variants[F][]
  readonly fields: (challenge: ChallengeOf<F>) => Record<string, unknown>
  /** What about such a challenge the service cannot solve, as the object of a sentence; undefined if nothing. */
  readonly unsupported?: (challenge: ChallengeOf<F>) => string | undefined
  /**
   * Reads the answer, with bounds; undefined where it cannot be read.
   * @default the one token of the wire family
   */
  readonly answer?: (raw: RawAnswer) => Answer | undefined
}

/** What a service solves, by family. It cannot solve a family that is absent. */
export type Capabilities = { readonly [F in Family]?: Method<F> }

/** A method that was looked up by its challenge's own family. */
interface FoundMethod extends Omit<Method<Family>, 'fields' | 'unsupported'> {
  readonly fields: (challenge: AnyChallenge) => Record<string, unknown>
  readonly unsupported?: (challenge: AnyChallenge) => string | undefined
}

/** What of a challenge is not among the capabilities, as the object of a sentence; undefined if all of it is. */
export function unsupportedBy(capabilities: Capabilities, challenge: AnyChallenge): string | undefined {
  const { family, variant } = challenge
  const method = methodOf(capabilities, family)
  if (!method) return `the family ${family}`
  const variants: readonly Variant[] = method.variants
  return variants.includes(variant) ? method.unsupported?.(challenge) : `the variant ${variant} of ${family}`
}

/** The fields of a challenge. It must be among the capabilities. */
export function fieldsFor(capabilities: Capabilities, challenge: AnyChallenge): Record<string, unknown> {
  const method = methodOf(capabilities, challenge.family)
  if (!method) throw new TypeError(`No fields for ${challenge.family}.`)
  return method.fields(challenge)
}

/**
 * The answer in a raw answer; undefined where it cannot be read.
 * @param usual reads the answer of a method that has no reader of its own
 */
export function answerOf(
  capabilities: Capabilities,
  family: Family,
  raw: RawAnswer,
  usual: (raw: RawAnswer) => Answer | undefined,
): Answer | undefined {
  return (methodOf(capabilities, family)?.answer ?? usual)(raw)
}

function methodOf(capabilities: Capabilities, family: Family): FoundMethod | undefined {
  return Object.hasOwn(capabilities, family) ? (capabilities[family] as FoundMethod | undefined) : undefined
}
