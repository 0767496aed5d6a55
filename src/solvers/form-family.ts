import type { Family } from '../base/challenge.js'
import type { Call, Reply } from '../base/wire.js'
import type { Money } from '../policy/money.js'
import { isDecimal, parseBalance, parseCost } from './amounts.js'
import { tokenAnswer } from './answers.js'
import { answerOf, type Capabilities, type RawAnswer } from './capabilities.js'
import {
  type CallKind,
  failureFor,
  type ParsedText,
  type ReplyRules,
  readReply,
  saysMore,
  TASK_ID,
  textOf,
  unreadableReply,
} from './reply.js'
import type { BatchPoll, Failure, Pending, Ready, Submitted, Threads, ThreadsInfo } from './solver.js'

/*
 * The form family's wire: `in.php` and `res.php`, as CaptchaAI, 2Captcha's older API and their imitators use it
 * (https://2captcha.com/2captcha-api). Every reply is untrusted text, read with bounds, both as JSON and in the plain
 * `OK|…` form, whichever was asked for.
 */

/** A call without its key: always a POST, with the key in the body, that asks for JSON. */
export function formCall(path: '/in.php' | '/res.php', fields: Readonly<Record<string, unknown>>): Call {
  // Not by spreading: V8 then makes a hidden class for each object, which takes more memory than its content.
  return { path, encoding: 'form', keyField: 'key', fields: Object.assign({}, fields, { json: '1' }) }
}

/** Readers for one service's replies. None of them throws. */
export function formReaders(rules: ReplyRules, capabilities: Capabilities) {
  return {
    readSubmit(reply: Reply): Submitted | Failure {
      const read = readReply(reply, rules, 'submit', (text) => parseText(text, 'submit'))
      if (read.kind !== 'value') return read
      const { request } = read.value
      // A number that JSON rounds would be the id of another task.
      const id = typeof request === 'number' && !Number.isSafeInteger(request) ? undefined : textOf(request)
      return id !== undefined && TASK_ID.test(id) ? { kind: 'submitted', taskId: id } : unreadableReply(rules, 'submit')
    },

    readPoll(reply: Reply, family: Family): Ready | Pending | Failure {
      const read = readReply(reply, rules, 'poll', (text) => parseText(text, 'poll'), family)
      if (read.kind !== 'value') return read
      return readAnswer(read.value, family, rules, capabilities)
    },

    readBalance(reply: Reply): { kind: 'balance'; amount: Money } | Failure {
      const read = readReply(reply, rules, 'balance', (text) => parseText(text, 'balance'))
      if (read.kind !== 'value') return read
      const amount = parseBalance(read.value.request)
      return amount === undefined ? unreadableReply(rules, 'balance') : { kind: 'balance', amount }
    },
  }
}

/**
 * Polls several tasks in one call. The reply is plain text, `answer|CAPCHA_NOT_READY|ERROR_…`, even if JSON is asked
 * for.
 */
export function formBatchPoll(
  rules: ReplyRules,
  capabilities: Capabilities,
  batch: Pick<BatchPoll, 'max' | 'families'>,
): BatchPoll {
  return {
    ...batch,
    poll: (ids) => ({
      path: '/res.php',
      encoding: 'form',
      keyField: 'key',
      fields: { action: 'get', ids: ids.join(',') },
    }),
    read(reply, families) {
      const read = readReply(reply, rules, 'poll', (text) => parseBatch(text, families.length))
      if (read.kind === 'pending') return { kind: 'batch', results: families.map(() => read) }
      if (read.kind === 'failure') return read
      return {
        kind: 'batch',
        results: read.value.map((part, i) => {
          if (NOT_READY.test(part)) return { kind: 'pending' }
          const error = CODE.test(part) ? parseCode(part) : undefined
          if (error?.kind === 'code') return failureFor(error, rules, 'poll', families[i])
          return readAnswer({ request: part }, families[i] as Family, rules, capabilities)
        }),
      }
    },
  }
}

/**
 * Asks for the threads of an account: `action=threadsinfo`, answered with `threads` and `working_threads`, as
 * CaptchaAI's official Python client 1.0.1 reads them.
 */
export function formThreadsInfo(rules: ReplyRules, endedMessage: string): ThreadsInfo {
  return {
    endedMessage,
    call: () => formCall('/res.php', { action: 'threadsinfo' }),
    read(reply) {
      const read = readReply(reply, rules, 'balance', parseThreads)
      return read.kind === 'value' ? read.value : read
    },
  }
}

function parseThreads(text: string): ParsedText<Threads> | undefined {
  const parsed = parseText(text, 'balance')
  if (parsed?.kind === 'code') return parsed
  try {
    const raw: RawAnswer = JSON.parse(text)
    const [total, busy] = [countOf(raw.threads), countOf(raw.working_threads)]
    return total === undefined || busy === undefined
      ? undefined
      : { kind: 'value', value: { kind: 'threads', total, busy } }
  } catch {
    return undefined
  }
}

function countOf(value: unknown): number | undefined {
  const text = textOf(value)
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined
}

/** As many parts as there were tasks, or one error for all of them. */
function parseBatch(text: string, count: number): ParsedText<readonly string[]> | undefined {
  if (text.startsWith('{')) {
    const parsed = parseJson(text, 'poll')
    return !parsed || parsed.kind === 'value' ? undefined : parsed
  }
  const parts = text.replace(/^OK\|/, '').split('|')
  if (parts.length === count) return { kind: 'value', value: parts }
  return parts.length === 1 && CODE.test(text) ? parseCode(text) : undefined
}

function readAnswer(raw: RawAnswer, family: Family, rules: ReplyRules, capabilities: Capabilities): Ready | Failure {
  const answer = answerOf(capabilities, family, raw, oneToken)
  if (!answer) return unreadableReply(rules, 'poll')
  const cost = rules.usesReportedPrices ? parseCost(raw.price) : undefined
  return cost === undefined ? { kind: 'ready', answer } : { kind: 'ready', answer, cost }
}

/**
 * Most families' answer: the token, and in JSON sometimes the browser that it is for. CaptchaAI's official Python
 * client 1.0.1 (https://pypi.org/project/captchaai/) reads reCAPTCHA Enterprise from `result` and `user_agent`, its
 * examples from `request`: either is read.
 */
function oneToken({ request, result, useragent, user_agent: userAgent, respKey }: RawAnswer) {
  return tokenAnswer(textOf(request) ?? textOf(result), { userAgent: useragent ?? userAgent, respKey })
}

const CODE = /^(?:ERROR|ERR_|WRONG_|CAPT?CHA_|IP_BANNED|MAX_USER_TURN|TOO_MANY_)/
/** All of a code, as these services write them: only such a reply says for certain that there is no task. */
const WHOLE_CODE = /^(?:[A-Z][A-Z0-9_]{3,78}|ERROR: ?\d{1,6})$/
const NOT_READY = /^CAPT?CHA_NOT_READY$/

/** Parses the text in either form. */
function parseText(text: string, callKind: CallKind): ParsedText<RawAnswer> | undefined {
  if (text.startsWith('{')) return parseJson(text, callKind)
  if (text.startsWith('OK|')) return { kind: 'value', value: { request: text.slice(3) } }
  if (CODE.test(text)) return parseCode(text)
  // The only plain reply without OK.
  return callKind === 'balance' && isDecimal(text) ? { kind: 'value', value: { request: text } } : undefined
}

function parseJson(text: string, callKind: CallKind): ParsedText<RawAnswer> | undefined {
  let raw: RawAnswer
  try {
    raw = JSON.parse(text)
  } catch {
    return undefined
  }
  const { status, request, error_text: description } = raw
  const value = textOf(request)
  if (value === '') return undefined
  const isError = status === 0 || status === '0'
  if (value !== undefined && (isError || CODE.test(value)))
    return parseCode(value, isError && !saysMore(raw, callKind, ['taskId', 'task_id', 'id']), description)
  if (status !== 1 && status !== '1') return undefined
  const hasAnswer = value !== undefined || isObject(request) || textOf(raw.result) !== undefined
  return hasAnswer ? { kind: 'value', value: raw } : undefined
}

/** @param isError whether the reply states an error, and nothing else */
function parseCode(code: string, isError = true, description?: unknown): ParsedText<never> {
  if (NOT_READY.test(code)) return { kind: 'pending' }
  return { kind: 'code', code, consistent: isError && WHOLE_CODE.test(code), description, hasTask: false }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}
