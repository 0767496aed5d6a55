import { type Answer, type Challenge, isPicture, type PictureChallenge, withVariant } from '../../src/base/challenge.js'
import { DeniedError, SolveguardError } from '../../src/base/errors.js'
import type { Grant, Solution, SolveOptions } from '../../src/guard/types.js'
import { usd } from '../../src/policy/money.js'
import { type Policy, type PolicyInput, parsePolicy } from '../../src/policy/schema.js'
import type { TokenDetails } from '../../src/testing/shared/tokens.js'

export interface FakeGrant extends Grant {
  /** The widgets that it was asked to solve. */
  readonly challenges: Challenge[]
  /** The page loads of those widgets and pictures. */
  readonly loads: (object | undefined)[]
  /** The pictures that it was asked to solve. */
  readonly pictures: PictureChallenge[]
  /** The injections that were reported to it. */
  readonly injections: { readonly token: string; readonly ok: boolean; readonly code: string | undefined }[]
  /** Why pages were not notified. */
  readonly notifyFailed: string[]
  /** How long its tokens are valid, ms. */
  tokenTtlMs: number
  /** The pages and frames that it was asked to solve in, and did not name. */
  readonly unnamedPlaces: { readonly pageUrl: string; readonly frameUrl: string | undefined }[]
  /** Denies a page or frame by its address; by default none. */
  unnamed: Grant['originDenial']
  /** Solves a widget; by default at once, with a token of the stand-in. */
  answer: (challenge: Challenge, options: SolveOptions) => Promise<string | Answer>
  /** The same for pictures. */
  readPicture: (challenge: PictureChallenge, options: SolveOptions) => Promise<string>
}

/** A vendor's stand-in that issues what its verify endpoint accepts: a token, or one with more fields. */
export interface Seller {
  issue(details: TokenDetails & { challenge?: string | undefined }): string | Answer
}

/** A grant that returns the stand-in's own tokens, for a tenth of a cent each. */
export function fakeGrant(vendor: Seller, policy: Omit<PolicyInput, 'origins'> = {}): FakeGrant {
  const challenges: Challenge[] = []
  const pictures: PictureChallenge[] = []
  const loads: FakeGrant['loads'] = []
  const injections: FakeGrant['injections'] = []
  const notifyFailed: string[] = []
  const unnamedPlaces: FakeGrant['unnamedPlaces'] = []
  const full: Policy = parsePolicy({ origins: ['http://127.0.0.1'], grace: '0s', ...policy })
  const grant: FakeGrant = {
    challenges,
    pictures,
    loads,
    injections,
    notifyFailed,
    unnamedPlaces,
    tokenTtlMs: 120_000,
    // With every origin: the init script is in every document.
    policy: { ...full, origins: undefined },
    path: ['fake'],
    answer: async ({ sitekey, action, challenge }) => vendor.issue({ sitekey, action, score: 0.9, challenge }),
    readPicture: async (challenge) => (challenge.family === 'bls' ? '[1,4,7]' : '4711'),
    async solve(input, options = {}) {
      const challenge = withVariant(input)
      if (isPicture(challenge)) pictures.push(challenge)
      else challenges.push(challenge)
      loads.push(options.pageLoad)
      const aborted = () => new SolveguardError('SOLVE_ABORTED', 'The solve was aborted through its signal.')
      if (options.signal?.aborted) throw aborted()
      const answer = await new Promise<string | Answer>((resolve, reject) => {
        options.signal?.addEventListener('abort', () => reject(aborted()), { once: true })
        const answering = isPicture(challenge)
          ? grant.readPicture(challenge, options)
          : grant.answer(challenge, options)
        answering.then(resolve, reject)
      })
      return solutionOf(typeof answer === 'string' ? { token: answer } : answer, grant.tokenTtlMs)
    },
    stream: () => {
      throw new Error('not for this test')
    },
    explain: () => Promise.reject(new Error('not for this test')),
    narrow: () => grant,
    status: () => Promise.reject(new Error('not for this test')),
    originDenial: (what, address) => grant.unnamed(what, address),
    unnamed: () => undefined,
    denyUnnamed(pageUrl, frameUrl) {
      const ofFrame = () => (frameUrl === undefined ? undefined : grant.unnamed('frame', frameUrl))
      const error = grant.unnamed('page', pageUrl) ?? ofFrame()
      if (error) unnamedPlaces.push({ pageUrl, frameUrl })
      return error
    },
    injected(solution, outcome) {
      if (outcome.ok && outcome.notifyFailure) notifyFailed.push(outcome.notifyFailure)
      injections.push({ token: solution.token, ok: outcome.ok, code: outcome.ok ? undefined : outcome.error.code })
    },
  }
  return grant
}

function solutionOf(answer: Answer, livesMs: number): Solution {
  return {
    ...answer,
    cost: usd(0.001),
    imputed: false,
    taskId: '1',
    expiresAt: new Date(Date.now() + livesMs),
    reportGood: async () => {},
    reportBad: async () => {},
  }
}

export const denied = () => new DeniedError('ORIGIN_NOT_NAMED', 'This origin is not named.')
