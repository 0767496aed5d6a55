import { type AnyChallenge, type ChallengeInput, withVariant } from '../../base/challenge.js'

type Items<T> = Iterable<T> | AsyncIterable<T>

/** The challenges of a stream with their variants, lazily where they are. What is no list stays as it is. */
export function withVariants(challenges: Items<ChallengeInput>): Items<AnyChallenge> {
  if (Array.isArray(challenges)) return challenges.map((one: ChallengeInput) => withVariant(one))
  if (typeof challenges !== 'object' || challenges === null) return challenges
  if (Symbol.asyncIterator in challenges) return asynchronously(challenges)
  return Symbol.iterator in challenges ? synchronously(challenges) : challenges
}

function* synchronously(challenges: Iterable<ChallengeInput>): Iterable<AnyChallenge> {
  for (const one of challenges) yield withVariant(one)
}

async function* asynchronously(challenges: AsyncIterable<ChallengeInput>): AsyncIterable<AnyChallenge> {
  for await (const one of challenges) yield withVariant(one)
}
