import { printable } from '../base/errors.js'
import type { Call, Reply } from '../base/wire.js'
import { type Money, micros } from '../policy/money.js'
import { type ErrorTable, errorRow } from './errors.js'
import type { Failure, Pending, Ready, Submitted } from './solver.js'

/**
 * The form family's wire: `in.php` and `res.php`, as CaptchaAI, 2Captcha's older API and their imitators speak it. Every reply is
 * read from hostile text with bounds, both as JSON and in the plain `OK|…` form, whichever was asked for.
 */

/** What one service of the family does its own way. */
export interface FormService {
  /** Rows that override the common table of errors. */
  readonly errors: ErrorTable
  /** How long to wait after a reply that could not be read. */
  readonly unreadableRetryMs: number
  /** How long to wait after an HTTP error of the server. */
  readonly serverErrorRetryMs: number
  /** Whether a price in a reply is what the solve costs. Under threads it is none, and a 0 would let a budget last for ever. */
  readonly pricesCount: boolean
}

/** A call without its key. Ours are always POST, with the key in the body, and ask for JSON. */
export function formCall(path: '/in.php' | '/res.php', fields: Readonly<Record<string, string>>): Call {
  return { path, encoding: 'form', keyField: 'key', fields: { ...fields, json: '1' } }
}

/** Readers for one service's replies. None of them throws. */
export function formReaders(service: FormService) {
  return {
    readSubmit(reply: Reply): Submitted | Failure {
      const read = readReply(reply, service, 'submit')
      if (read.kind !== 'value') return read.kind === 'pending' ? unreadable(service, 'submit') : read
      return TASK_ID.test(read.value) ? { kind: 'submitted', taskId: read.value } : unreadable(service, 'submit')
    },

    readPoll(reply: Reply): Ready | Pending | Failure {
      const read = readReply(reply, service, 'poll')
      if (read.kind !== 'value') return read
      if (!TOKEN.test(read.value) || read.value.length > LONGEST_TOKEN) return unreadable(service, 'poll')
      const cost = service.pricesCount ? parseCost(read.price) : undefined
      const answer = { token: read.value }
      return cost === undefined ? { kind: 'ready', answer } : { kind: 'ready', answer, cost }
    },

    readBalance(reply: Reply): { kind: 'balance'; amount: Money } | Failure {
      const read = readReply(reply, service, 'balance')
      if (read.kind !== 'value') return read.kind === 'pending' ? unreadable(service, 'balance') : read
      const amount = parseBalance(read.value)
      return amount === undefined ? unreadable(service, 'balance') : { kind: 'balance', amount }
    },
  }
}

type Asked = 'submit' | 'poll' | 'balance'
type Value = { readonly kind: 'value'; readonly value: string; readonly price?: unknown }

const TASK_ID = /^[A-Za-z0-9-]{1,64}$/
const TOKEN = /^[\x21-\x7e]+$/
const LONGEST_TOKEN = 64 * 1024
/** No reply of the family is longer than its longest token and what stands around it. */
const LONGEST_REPLY = LONGEST_TOKEN + 16 * 1024
const CODE = /^(?:ERROR|CAPT?CHA_|IP_BANNED|MAX_USER_TURN|TOO_MANY_)/
const NOT_READY = /^CAPT?CHA_NOT_READY$/

/** A gateway had no answer, or none that it understood; 520 and 524 are Cloudflare's. */
const GATEWAY_LOST: ReadonlySet<number> = new Set([502, 504, 520, 524])

/** The steps from text to a value. What the service says in its own words counts for more than the HTTP status around it. */
function readReply(reply: Reply, service: FormService, asked: Asked): Value | Pending | Failure {
  const text = reply.body.length > LONGEST_REPLY ? undefined : reply.body.trim()
  const said = text === undefined ? undefined : readWords(text, asked)
  if (said && 'code' in said) return NOT_READY.test(said.code) ? { kind: 'pending' } : coded(said.code, service, asked)

  const { status } = reply
  if (GATEWAY_LOST.has(status)) {
    // A gateway lost the service's answer: the call itself may have got through.
    return failure(
      'busy',
      `HTTP_${status}`,
      'A gateway got no answer from the service.',
      asked,
      true,
      service.serverErrorRetryMs,
    )
  }
  if (status === 429) {
    return failure(
      'busy',
      'HTTP_429',
      'The service says that calls come too fast.',
      asked,
      false,
      service.serverErrorRetryMs,
    )
  }
  // A success in words under a status that says otherwise: something is there that we cannot make out.
  if (said && (status < 200 || status > 299)) return unreadable(service, asked, `HTTP_${status}`)
  if (status >= 500) {
    return failure(
      'busy',
      `HTTP_${status}`,
      'The service has trouble of its own.',
      asked,
      false,
      service.serverErrorRetryMs,
    )
  }
  if (status < 200 || status > 299) {
    const says =
      status < 400
        ? `The service answered with a redirect (HTTP ${status}), which is never followed.`
        : `The service answered with HTTP ${status} in place of a reply.`
    return failure('invalid', `HTTP_${status}`, says, asked, false, service.unreadableRetryMs)
  }
  if (said) return said
  if (text === undefined) return unreadable(service, asked, 'TOO_LONG')
  if (text === '') return unreadable(service, asked, 'EMPTY')
  if (text.startsWith('<')) {
    // Whole pages come from whatever stands before the service, or in place of it.
    return failure('invalid', 'HTML', 'The service answered with a web page.', asked, false, service.unreadableRetryMs)
  }
  return unreadable(service, asked)
}

/** What the text says, in either form: a value, an error's code, or (undefined) nothing that can be read. */
function readWords(text: string, asked: Asked): Value | { readonly code: string } | undefined {
  if (text.startsWith('{')) return readJson(text)
  if (text.startsWith('OK|')) return { kind: 'value', value: text.slice(3) }
  if (CODE.test(text)) return { code: clipped(text) }
  // The one plain reply without OK.
  return asked === 'balance' && DECIMAL.test(text) ? { kind: 'value', value: text } : undefined
}

function readJson(text: string): Value | { readonly code: string } | undefined {
  let parsed: { status?: unknown; request?: unknown; price?: unknown }
  try {
    parsed = JSON.parse(text)
  } catch {
    return undefined
  }
  const { status, request, price } = parsed
  const value = typeof request === 'number' && Number.isFinite(request) ? String(request) : request
  if (typeof value !== 'string' || value === '') return undefined
  if (status === 0 || status === '0' || CODE.test(value)) return { code: clipped(value) }
  return status === 1 || status === '1' ? { kind: 'value', value, price } : undefined
}

function clipped(code: string): string {
  return printable(code, 79)
}

function coded(code: string, service: FormService, asked: Asked): Failure {
  const row = errorRow(code, service.errors)
  if (!row) {
    // Nothing is known of it, so its money counts as spent.
    return {
      kind: 'failure',
      class: 'unknown',
      code,
      message: `The service answered with an error that is not in our table: ${code}.`,
      charged: asked !== 'balance',
      ambiguous: false,
    }
  }
  return {
    kind: 'failure',
    class: row.class,
    code,
    message: `${row.says.replace(/\.$/, '')} (${code}).`,
    ...(row.retryAfterMs === undefined ? {} : { retryAfterMs: row.retryAfterMs }),
    // An error in place of a task's id: there is no task, and nothing to charge.
    charged: asked === 'poll' && (row.charged ?? true),
    ambiguous: false,
  }
}

function failure(
  kind: 'busy' | 'invalid',
  code: string,
  says: string,
  asked: Asked,
  maybeTaken: boolean,
  retryAfterMs: number,
): Failure {
  return {
    kind: 'failure',
    class: kind,
    code,
    message: says,
    retryAfterMs,
    charged: asked === 'poll',
    // Only a submit has an effect that could go unseen.
    ambiguous: asked === 'submit' && maybeTaken,
  }
}

const UNREADABLE = {
  EMPTY: "The service's reply is empty.",
  TOO_LONG: "The service's reply is far too long.",
  UNREADABLE: "The service's reply could not be read.",
}

/** A reply of which nothing can be made: a submit may have been taken all the same. */
function unreadable(service: FormService, asked: Asked, code = 'UNREADABLE'): Failure {
  const says = code in UNREADABLE ? UNREADABLE[code as keyof typeof UNREADABLE] : UNREADABLE.UNREADABLE
  return failure('invalid', code, says, asked, true, service.unreadableRetryMs)
}

const DECIMAL = /^-?\d{1,9}(?:\.\d{1,18})?$/

/** A balance, to the micro-dollar below. A negative one is none. */
function parseBalance(value: unknown): Money | undefined {
  return parseMoney(value)?.below
}

/** What a solve cost, to the micro-dollar above: nothing is counted as less than it was. A negative price is no price. */
function parseCost(value: unknown): Money | undefined {
  const money = parseMoney(value)
  return money?.negative ? undefined : money?.above
}

/** Dollars as a decimal, in whole micro-dollars. */
function parseMoney(value: unknown): { below: Money; above: Money; negative: boolean } | undefined {
  const text = typeof value === 'number' && Math.abs(value) < 1e9 ? value.toFixed(9) : value
  if (typeof text !== 'string' || !DECIMAL.test(text)) return undefined
  if (text.startsWith('-')) return { below: micros(0), above: micros(0), negative: true }
  const [whole = '0', decimals = ''] = text.split('.')
  const below = Number(whole) * 1_000_000 + Number(decimals.slice(0, 6).padEnd(6, '0'))
  return { below: micros(below), above: micros(/[1-9]/.test(decimals.slice(6)) ? below + 1 : below), negative: false }
}
