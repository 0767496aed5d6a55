import type { Family } from '../base/challenge.js'
import type { Call, Reply } from '../base/wire.js'
import type { Money } from '../policy/money.js'
import { isDecimal, parseBalance, parseCost } from './amounts.js'
import { tokenAnswer } from './answers.js'
import { answerOf, type Capabilities, type RawAnswer } from './capabilities.js'
import { type Asked, coded, type Habits, readReply, unreadable, type Words } from './reply.js'
import type { BatchPoll, Failure, Pending, Ready, Submitted } from './solver.js'

/**
 * The form family's wire: `in.php` and `res.php`, as CaptchaAI, 2Captcha's older API and their imitators speak it. Every reply is
 * read from hostile text with bounds, both as JSON and in the plain `OK|…` form, whichever was asked for.
 */

/** A call without its key. Ours are always POST, with the key in the body, and ask for JSON. */
export function formCall(path: '/in.php' | '/res.php', fields: Readonly<Record<string, unknown>>): Call {
  // Not by spreading: V8 then makes a hidden class for each object, which takes up more than what is in it.
  return { path, encoding: 'form', keyField: 'key', fields: Object.assign({}, fields, { json: '1' }) }
}

/** Readers for one service's replies. None of them throws. */
export function formReaders(habits: Habits, offer: Capabilities) {
  return {
    readSubmit(reply: Reply): Submitted | Failure {
      const read = readReply(reply, habits, 'submit', (text) => readWords(text, 'submit'))
      if (read.kind !== 'value') return read
      const { request } = read.value
      // A number that JSON rounds is somebody else's task.
      const id = typeof request === 'number' && !Number.isSafeInteger(request) ? undefined : plain(request)
      return id !== undefined && TASK_ID.test(id) ? { kind: 'submitted', taskId: id } : unreadable(habits, 'submit')
    },

    readPoll(reply: Reply, family: Family): Ready | Pending | Failure {
      const read = readReply(reply, habits, 'poll', (text) => readWords(text, 'poll'), family)
      if (read.kind !== 'value') return read
      return readAnswer(read.value, family, habits, offer)
    },

    readBalance(reply: Reply): { kind: 'balance'; amount: Money } | Failure {
      const read = readReply(reply, habits, 'balance', (text) => readWords(text, 'balance'))
      if (read.kind !== 'value') return read
      const amount = parseBalance(read.value.request)
      return amount === undefined ? unreadable(habits, 'balance') : { kind: 'balance', amount }
    },
  }
}

/** Polls for several tasks in one call. The reply is in plain words, `answer|CAPCHA_NOT_READY|ERROR_…`, whatever is asked for. */
export function formMany(habits: Habits, offer: Capabilities, which: Pick<BatchPoll, 'max' | 'families'>): BatchPoll {
  return {
    ...which,
    poll: (ids) => ({
      path: '/res.php',
      encoding: 'form',
      keyField: 'key',
      fields: { action: 'get', ids: ids.join(',') },
    }),
    read(reply, families) {
      const read = readReply(reply, habits, 'poll', (text) => readMany(text, families.length))
      if (read.kind === 'pending') return { kind: 'batch', results: families.map(() => read) }
      if (read.kind === 'failure') return read
      return {
        kind: 'batch',
        results: read.value.map((part, i) => {
          if (NOT_READY.test(part)) return { kind: 'pending' }
          if (CODE.test(part)) return coded(part, habits, 'poll', families[i])
          return readAnswer({ request: part }, families[i] as Family, habits, offer)
        }),
      }
    },
  }
}

/** So many parts as were asked for, or one error for all of them. */
function readMany(text: string, count: number): Words<readonly string[]> | undefined {
  if (text.startsWith('{')) {
    const said = readJson(text)
    return !said || said.kind === 'value' ? undefined : said
  }
  const parts = text.replace(/^OK\|/, '').split('|')
  if (parts.length === count) return { kind: 'value', value: parts }
  return parts.length === 1 && CODE.test(text) ? readCode(text) : undefined
}

function readAnswer(said: RawAnswer, family: Family, habits: Habits, offer: Capabilities): Ready | Failure {
  const answer = answerOf(offer, family, said, oneToken)
  if (!answer) return unreadable(habits, 'poll')
  const cost = habits.pricesCount ? parseCost(said.price) : undefined
  return cost === undefined ? { kind: 'ready', answer } : { kind: 'ready', answer, cost }
}

/** Most families' answer: the token, and in JSON perhaps the browser that it is for. */
function oneToken({ request, useragent, respKey }: RawAnswer) {
  return tokenAnswer(plain(request), { userAgent: useragent, respKey })
}

const TASK_ID = /^[A-Za-z0-9-]{1,64}$/
const CODE = /^(?:ERROR|ERR_|WRONG_|CAPT?CHA_|IP_BANNED|MAX_USER_TURN|TOO_MANY_)/
const NOT_READY = /^CAPT?CHA_NOT_READY$/

/** What the text says, in either form. */
function readWords(text: string, asked: Asked): Words<RawAnswer> | undefined {
  if (text.startsWith('{')) return readJson(text)
  if (text.startsWith('OK|')) return { kind: 'value', value: { request: text.slice(3) } }
  if (CODE.test(text)) return readCode(text)
  // The one plain reply without OK.
  return asked === 'balance' && isDecimal(text) ? { kind: 'value', value: { request: text } } : undefined
}

function readJson(text: string): Words<RawAnswer> | undefined {
  let said: RawAnswer
  try {
    said = JSON.parse(text)
  } catch {
    return undefined
  }
  const { status, request } = said
  const value = plain(request)
  if (value === '') return undefined
  if (value !== undefined && (status === 0 || status === '0' || CODE.test(value))) return readCode(value)
  if (status !== 1 && status !== '1') return undefined
  return value === undefined && !isObject(request) ? undefined : { kind: 'value', value: said }
}

function readCode(code: string): Words<never> {
  return NOT_READY.test(code) ? { kind: 'pending' } : { kind: 'code', code }
}

/** A text, or a number as the text that it is. */
export function plain(value: unknown): string | undefined {
  if (typeof value === 'number' && Number.isFinite(value)) return String(value)
  return typeof value === 'string' ? value : undefined
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}
