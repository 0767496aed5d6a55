import type { Family } from '../base/challenge.js'
import type { Call, Reply } from '../base/wire.js'
import type { Money } from '../policy/money.js'
import { parseBalance, parseCost } from './amounts.js'
import { tokenAnswer } from './answers.js'
import { answerOf, type Capabilities, type RawAnswer } from './capabilities.js'
import {
  type CallKind,
  type ParsedText,
  type ReplyRules,
  readReply,
  saysMore,
  TASK_ID,
  unreadableReply,
} from './reply.js'
import type { Failure, Pending, Ready, Submitted } from './solver.js'

/*
 * The task family's wire: JSON to `createTask`, `getTaskResult`, `getBalance`, as Anti-Captcha, CapMonster Cloud,
 * CapSolver and 2Captcha's API v2 use it (https://anti-captcha.com/apidoc/methods,
 * https://docs.capmonster.cloud/docs/api/methods, https://docs.capsolver.com, https://2captcha.com/api-docs). Every
 * reply is untrusted text, read with bounds.
 */

/** A call without its key. */
export function taskCall(path: `/${string}`, fields: Readonly<Record<string, unknown>>): Call {
  return { path, encoding: 'json', keyField: 'clientKey', fields }
}

/** A task's id as its service needs it: most count tasks, and need the id back as a number. */
export function taskId(id: string): string | number {
  return /^[1-9]\d*$/.test(id) && Number.isSafeInteger(Number(id)) ? Number(id) : id
}

/** Readers for one service's replies. None of them throws. */
export function taskReaders(rules: ReplyRules, capabilities: Capabilities) {
  function readAnswer({ status, solution, cost, createTime, endTime }: RawAnswer, family: Family): Ready | undefined {
    const answer =
      status === 'ready' && isObject(solution) ? answerOf(capabilities, family, solution, oneToken) : undefined
    if (!answer) return undefined
    const charged = rules.usesReportedPrices ? parseCost(cost) : undefined
    const tookMs = elapsedMs(createTime, endTime)
    return {
      kind: 'ready',
      answer,
      ...(charged !== undefined && { cost: charged }),
      ...(tookMs !== undefined && { tookMs }),
    }
  }

  return {
    readSubmit(reply: Reply, family?: Family): Submitted | Failure {
      const read = readReply(reply, rules, 'submit', (text) => parseText(text, 'submit'), family)
      if (read.kind !== 'value') return read
      const taskId = parseTaskId(read.value.taskId)
      if (taskId === undefined) return unreadableReply(rules, 'submit')
      if (family === undefined || read.value.status !== 'ready') return { kind: 'submitted', taskId }
      const ready = readAnswer(read.value, family)
      return ready ? { kind: 'submitted', taskId, ready } : { kind: 'submitted', taskId }
    },

    readPoll(reply: Reply, family: Family): Ready | Pending | Failure {
      const read = readReply(reply, rules, 'poll', (text) => parseText(text, 'poll'), family)
      if (read.kind !== 'value') return read
      return readAnswer(read.value, family) ?? unreadableReply(rules, 'poll')
    },

    readBalance(reply: Reply): { kind: 'balance'; amount: Money } | Failure {
      const read = readReply(reply, rules, 'balance', (text) => parseText(text, 'balance'))
      if (read.kind !== 'value') return read
      const amount = parseBalance(read.value.balance)
      return amount === undefined ? unreadableReply(rules, 'balance') : { kind: 'balance', amount }
    },
  }
}

/** Most families' answer: one token, by either of its names, and sometimes the browser that it is for. */
function oneToken({ gRecaptchaResponse, token, userAgent, respKey }: RawAnswer) {
  return tokenAnswer(gRecaptchaResponse ?? token, { userAgent, respKey })
}

/** CapMonster Cloud reports by a code what the others report by a status. */
const NOT_READY = /^(?:ERROR_)?CAPT?CHA_NOT_READY$/
/** `idle` is CapSolver's: it has not begun the task. */
const PENDING_STATUSES: ReadonlySet<unknown> = new Set(['processing', 'idle'])
const MAX_SOLVE_S = 3_600

function parseText(text: string, callKind: CallKind): ParsedText<RawAnswer> | undefined {
  if (!text.startsWith('{')) return undefined
  let raw: RawAnswer
  try {
    raw = JSON.parse(text)
  } catch {
    return undefined
  }
  const { errorId, errorCode, errorDescription: description, status } = raw
  const isError = typeof errorId === 'number' && errorId !== 0
  const hasTask = parseTaskId(raw.taskId) !== undefined
  const consistent = isError && Number.isSafeInteger(errorId) && !saysMore(raw, callKind, ['task_id', 'id'])
  if (typeof errorCode === 'string' && errorCode !== '') {
    if (NOT_READY.test(errorCode)) return { kind: 'pending' }
    return { kind: 'code', code: errorCode, description, consistent, hasTask }
  }
  if (typeof errorId !== 'number') return undefined
  // A number without a code is no refusal: which error it is cannot be looked up.
  if (isError) return { kind: 'code', code: `ERROR_ID_${errorId}`, description, consistent: false, hasTask }
  return callKind === 'poll' && PENDING_STATUSES.has(status) ? { kind: 'pending' } : { kind: 'value', value: raw }
}

function parseTaskId(value: unknown): string | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value > 0 ? String(value) : undefined
  return typeof value === 'string' && TASK_ID.test(value) ? value : undefined
}

/** Milliseconds between two times in whole seconds; undefined where they are not plausible. */
function elapsedMs(from: unknown, to: unknown): number | undefined {
  if (typeof from !== 'number' || typeof to !== 'number') return undefined
  const seconds = to - from
  return seconds >= 0 && seconds <= MAX_SOLVE_S ? seconds * 1000 : undefined
}

function isObject(value: unknown): value is RawAnswer {
  return typeof value === 'object' && value !== null
}
