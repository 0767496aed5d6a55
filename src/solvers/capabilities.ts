import type { Answer, AnyChallenge, ChallengeOf, Family, Variant, Variants } from '../base/challenge.js'

/** What a service says of an answer: in the form family the whole reply, in the task family its `solution`. Hostile. */
export type RawAnswer = Readonly<Record<string, unknown>>

/** What one service does of a family: the variants, the fields that say a challenge, and where the answer stands. */
export interface Method<F extends Family> {
  readonly variants: readonly Variants[F][]
  readonly fields: (challenge: ChallengeOf<F>) => Record<string, unknown>
  /** What about such a challenge the service does not take, in words; undefined if nothing. */
  readonly refuses?: (challenge: ChallengeOf<F>) => string | undefined
  /** Reads the answer, with bounds; undefined where it cannot be read. Default: the wire family's one token. */
  readonly answer?: (said: RawAnswer) => Answer | undefined
}

/** What a service does, family by family. A family that is not there it cannot do. */
export type Capabilities = { readonly [F in Family]?: Method<F> }

/** A method that was looked up by its challenge's own family. */
interface Found extends Omit<Method<Family>, 'fields' | 'refuses'> {
  readonly fields: (challenge: AnyChallenge) => Record<string, unknown>
  readonly refuses?: (challenge: AnyChallenge) => string | undefined
}

/** What of a challenge an offer does not hold, in words; undefined if it holds it. */
export function missingFrom(offer: Capabilities, challenge: AnyChallenge): string | undefined {
  const { family, variant } = challenge
  const method = methodOf(offer, family)
  if (!method) return `the family ${family}`
  const variants: readonly Variant[] = method.variants
  return variants.includes(variant) ? method.refuses?.(challenge) : `the variant ${variant} of ${family}`
}

/** The fields that say a challenge. It is in the offer: whoever asks has looked. */
export function fieldsFor(offer: Capabilities, challenge: AnyChallenge): Record<string, unknown> {
  const method = methodOf(offer, challenge.family)
  if (!method) throw new TypeError(`No fields for ${challenge.family}.`)
  return method.fields(challenge)
}

/** The answer in what a service says. */
export function answerOf(
  offer: Capabilities,
  family: Family,
  said: RawAnswer,
  usual: (said: RawAnswer) => Answer | undefined,
): Answer | undefined {
  return (methodOf(offer, family)?.answer ?? usual)(said)
}

function methodOf(offer: Capabilities, family: Family): Found | undefined {
  return Object.hasOwn(offer, family) ? (offer[family] as Found | undefined) : undefined
}
