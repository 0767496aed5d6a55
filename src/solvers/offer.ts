import type { Challenge, Family, Variant, Variants } from '../base/challenge.js'

/** What one service does of a family: the variants, and the fields that say a challenge. */
export interface Method<F extends Family> {
  readonly variants: readonly Variants[F][]
  readonly fields: (challenge: Challenge) => Record<string, string>
}

/** What a service does, family by family. A family that is not there it cannot do. */
export type Offer = { readonly [F in Family]?: Method<F> }

/** What of a challenge an offer does not hold, in words; undefined if it holds it. */
export function missingFrom(
  offer: Offer,
  { family, variant }: Pick<Challenge, 'family' | 'variant'>,
): string | undefined {
  const method: { readonly variants: readonly Variant[] } | undefined = Object.hasOwn(offer, family)
    ? offer[family]
    : undefined
  if (!method) return `the family ${family}`
  return method.variants.includes(variant) ? undefined : `the variant ${variant} of ${family}`
}

/** The fields that say a challenge. It is in the offer: whoever asks has looked. */
export function fieldsFor(offer: Offer, challenge: Challenge): Record<string, string> {
  const method = offer[challenge.family]
  if (!method) throw new TypeError(`No fields for ${challenge.family}.`)
  return method.fields(challenge)
}
