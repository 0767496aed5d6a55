import type { BrokerHandler } from '../../broker/types.js'
import { formatMs } from '../../policy/duration.js'
import { formatUsd } from '../../policy/money.js'
import { encodePart, splitToken } from '../../tokens/claims.js'
import { tagOf } from '../../tokens/narrow.js'
import { NOTHING } from '../bounds.js'
import { DrillFailure, type Stage } from '../stage.js'
import { type Answers, nothingSpent, type Scenario } from './scenario.js'
import { TOKEN_SOLVES, TTL_MS, tokenBudget } from './tokens.js'

const MAX_SUBMITS = 12
const MINUTE_MS = 61_000

/** How a broker answered a submit. */
interface SubmitReply {
  /** `OK|id`, or the word of an error. */
  readonly text: string
  /** The id of the task, where it was taken. */
  readonly id: string | undefined
}

/** A client of the broker of a stage, in the dialect of 2Captcha. */
interface DrillClient {
  submit(token: string): Promise<SubmitReply>
  poll(token: string, id: string): Promise<string>
}

/** A client of a broker. */
function clientOf(handler: BrokerHandler, { setup }: Pick<Stage, 'setup'>): DrillClient {
  const call = async (path: string, fields: Readonly<Record<string, string>>): Promise<string> => {
    const { body } = await handler({
      method: 'POST',
      url: `/twocaptcha${path}`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: Buffer.from(new URLSearchParams(fields).toString()),
    })
    if (typeof body === 'string') return body
    throw new DrillFailure('the broker answered a form with a stream')
  }
  const { sitekey: googlekey, pageUrl } = setup.challenge
  return {
    async submit(token) {
      const text = await call('/in.php', { key: token, method: 'userrecaptcha', googlekey, pageurl: pageUrl })
      return { text, id: /^OK\|(\d+)$/.exec(text)?.[1] }
    },
    poll: (token, id) => call('/res.php', { key: token, action: 'get', id }),
  }
}

/** Adds the guard's denial of a submit, or else the broker's answer. */
function answered(stage: Stage, answers: Answers, { text }: SubmitReply, before: number): void {
  const denial = stage.denials[before]
  if (denial) answers.add(denial)
  else answers.add({ code: text, message: `the broker answered ${text}` })
}

/** A stolen token at a broker. */
export const brokerStolenToken: Scenario = {
  id: 'broker-stolen-token',
  scenario: 'broker: a stolen token',
  expected: 'worth its own small grant, and no task of another token',
  async run(stage, answers) {
    const { guard, clock, setup } = stage
    const perDay = tokenBudget(setup)
    const issue = () => guard.issueToken({ budget: { perDay } }, { ttl: '15m', subject: 'drill' })
    const [owner, thief] = [await issue(), await issue()]
    await stage.withBroker(async (handler) => {
      const client = clientOf(handler, stage)
      const first = await client.submit(owner.token)
      if (first.id === undefined) throw new DrillFailure(`the token's owner was refused: ${first.text}`)
      const peek = await client.poll(thief.token, first.id)
      if (!/WRONG_CAPTCHA_ID/.test(peek)) throw new DrillFailure(`a token got the task of another one: ${peek}`)
      answers.add({ code: peek, message: 'the task of another token is not given out' })
      let taken = 0
      let last: SubmitReply = first
      let before = 0
      for (let submit = 0; submit < MAX_SUBMITS && taken <= TOKEN_SOLVES; submit++) {
        before = stage.denials.length
        last = await client.submit(thief.token)
        if (last.id !== undefined) taken++
        else if (/NO_SLOT|ALL_WORKERS/.test(last.text)) await clock.advance(MINUTE_MS)
        else break
      }
      if (setup.price.amount > 0 && (taken > TOKEN_SOLVES || last.id !== undefined)) {
        throw new DrillFailure(`${taken} solves were allowed to a token that is worth ${TOKEN_SOLVES}`)
      }
      answered(stage, answers, last, before)
      await guard.revokeToken(thief.id)
      await refused(stage, answers, 'a token that was revoked', () => client.submit(thief.token))
      await clock.advance(TTL_MS + 1_000)
      await refused(stage, answers, 'an expired token', () => client.submit(owner.token))
    })
    return {
      atMost: {
        amount: perDay,
        until: thief.expiresAt,
        text: `its own ${formatUsd(perDay)}, for ${formatMs(TTL_MS)}`,
      },
      detail: 'its own budget, then its end; a revoked one is refused at once',
    }
  },
}

async function refused(
  stage: Stage,
  answers: Answers,
  what: string,
  submit: () => Promise<SubmitReply>,
): Promise<void> {
  const before = stage.denials.length
  const tasks = stage.tasks
  const reply = await submit()
  if (reply.id !== undefined || stage.tasks > tasks) throw new DrillFailure(`the broker took a task of ${what}`)
  answered(stage, answers, reply, before)
}

/** A token whose holder would have it allow more. */
export const brokerWidenedToken: Scenario = {
  id: 'broker-widened-token',
  scenario: 'broker: a widened token',
  expected: 'refused, nothing spent',
  async run(stage, answers) {
    const { token } = await stage.guard.issueToken({ budget: { perDay: tokenBudget(stage.setup) } }, { ttl: '15m' })
    await stage.withBroker(async (handler) => {
      const client = clientOf(handler, stage)
      for (const [what, forged] of Object.entries(forgeries(token))) {
        const codes = ['TOKEN_ALTERED', 'TOKEN_INVALID', 'TOKEN_WIDENED'] as const
        await answers.denied(what, codes, () => stage.guard.verifyToken(forged))
        const { tasks } = stage
        const { id } = await client.submit(forged)
        if (id !== undefined || stage.tasks > tasks) throw new DrillFailure(`the broker took a task of ${what}`)
      }
    })
    nothingSpent(stage)
    return { atMost: NOTHING, detail: 'an edited claim, a removed signature and a link that states more are refused' }
  },
}

/** Tokens that a holder of one can make. */
function forgeries(token: string): Readonly<Record<string, string>> {
  const { root, tag } = splitToken(token)
  const [header = '', payload = ''] = root.split('.')
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as Record<string, unknown>
  const edited = Buffer.from(JSON.stringify({ ...claims, pol: {} })).toString('base64url')
  const none = Buffer.from('{"alg":"none","typ":"sg+jwt"}').toString('base64url')
  const link = encodePart({ jti: 'drilldrilldrill1', pol: { budget: { perDay: MUCH } } })
  return {
    'an edited token': `${header}.${edited}.${tag.toString('base64url')}`,
    'a token without a signature': `${none}.${payload}.${tag.toString('base64url')}`,
    'a token with a link that states more': `${root}.${link}.${tagOf(tag, link).toString('base64url')}`,
  }
}

const MUCH = 1_000_000_000 as ReturnType<typeof tokenBudget>
