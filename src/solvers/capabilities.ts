import type { Answer, AnyChallenge, ChallengeOf, Family, Variant, Variants } from '../base/challenge.js'

/** What a service says of an answer: in the form family the whole reply, in the task family its `solution`. Hostile. */
export type RawAnswer = Readonly<Record<string, unknown>>

/** What one service does of a family: the variants, the fields that say a challenge, and where the answer stands. */
export interface Method<F extends Family> {
  readonly variants: readonly Variants[F][]
  readonly fields: (challenge: ChallengeOf<F>) => Record<string, unknown>
  /** What about such a challenge the service does not take, in words; undefined if nothing. */
  readonly unsupported?: (challenge: ChallengeOf<F>) => string | undefined
  /** Reads the answer, with bounds; undefined where it cannot be read. Default: the wire family's one token. */
  readonly answer?: (said: RawAnswer) => Answer | undefined
}

/** What a service does, family by family. A family that is not there it cannot do. */
export type Capabilities = { readonly [F in Family]?: Method<F> }

/** A method that was looked up by its challenge's own family. */
interface Found extends Omit<Method<Family>, 'fields' | 'unsupported'> {
  readonly fields: (challenge: AnyChallenge) => Record<string, unknown>
  readonly unsupported?: (challenge: AnyChallenge) => string | undefined
}

/** What of a challenge an offer does not hold, in words; undefined if it holds it. */
export function unsupportedBy(capabilities: Capabilities, challenge: AnyChallenge): string | undefined {
  const { family, variant } = challenge
  const method = methodOf(capabilities, family)
  if (!method) return `the family ${family}`
  const variants: readonly Variant[] = method.variants
  return variants.includes(variant) ? method.unsupported?.(challenge) : `the variant ${variant} of ${family}`
}

/** The fields that say a challenge. It is in the capabilities: whoever asks has looked. */
export function fieldsFor(capabilities: Capabilities, challenge: AnyChallenge): Record<string, unknown> {
  const method = methodOf(capabilities, challenge.family)
  if (!method) throw new TypeError(`No fields for ${challenge.family}.`)
  return method.fields(challenge)
}

/** The answer in what a service says. */
export function answerOf(
  capabilities: Capabilities,
  family: Family,
  said: RawAnswer,
  usual: (said: RawAnswer) => Answer | undefined,
): Answer | undefined {
  return (methodOf(capabilities, family)?.answer ?? usual)(said)
}

function methodOf(capabilities: Capabilities, family: Family): Found | undefined {
  return Object.hasOwn(capabilities, family) ? (capabilities[family] as Found | undefined) : undefined
}
