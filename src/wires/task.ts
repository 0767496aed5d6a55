import type { Family, PictureFamily } from '../base/challenge.js'
import type { ServiceEndpoint } from '../testing/service/behavior.js'
import { taskSolution } from './task-solution.js'
import {
  asTexts,
  isProxy,
  jsonFields,
  type Order,
  type Spoken,
  type Understood,
  type Wire,
  type Words,
  wrongPicture,
} from './wire.js'

/** What one service of the task family does its own way. */
export interface TaskDialect {
  /** Whether an answer says what it cost, and when it was begun and done. */
  readonly tells: boolean
  /** Whether an error has an HTTP status of its own, and one `errorId` for all. */
  readonly statuses: boolean
  /** Whether one type is for tasks with a proxy and for those without; else those without are called that. */
  readonly oneType?: boolean
  /** Whether pictures are read while the customer waits. */
  readonly readsAtOnce?: boolean
}

/** The task family as a service hears and speaks it: JSON to `createTask`, `getTaskResult`, `getBalance` and reports. */
export function taskWire(dialect: TaskDialect): Wire {
  return ({ path, body }) => {
    const endpoint = PATHS.get(path)
    if (!endpoint) return undefined
    const { clientKey, ...sent } = jsonFields(body) ?? {}
    const task =
      typeof sent.task === 'object' && sent.task !== null ? (sent.task as Record<string, unknown>) : undefined
    const asked = {
      endpoint,
      key: typeof clientKey === 'string' ? clientKey : undefined,
      keyInUrl: false,
      fields: asTexts({ ...sent, ...task }),
      speak: ([words, answered]: readonly Words[]) =>
        speak(words ?? { error: 'ERROR_BAD_REQUEST' }, endpoint, dialect, answered),
    } satisfies Understood
    if (endpoint === 'in') {
      const order = orderOf(task, dialect)
      return { ...asked, order, atOnce: dialect.readsAtOnce === true && order.family === 'image' }
    }
    const id = typeof sent.taskId === 'number' || typeof sent.taskId === 'string' ? String(sent.taskId) : ''
    return { ...asked, ids: [id], good: isGood(path, sent.result) }
  }
}

const PATHS = new Map<string, ServiceEndpoint>([
  ['/createTask', 'in'],
  ['/getTaskResult', 'res'],
  ['/getBalance', 'balance'],
  ['/reportCorrect', 'report'],
  ['/reportIncorrect', 'report'],
  ['/reportCorrectRecaptcha', 'report'],
  ['/reportIncorrectRecaptcha', 'report'],
  ['/reportIncorrectHcaptcha', 'report'],
  ['/reportIncorrectImageCaptcha', 'report'],
  ['/reportIncorrectTokenCaptcha', 'report'],
  ['/feedbackTask', 'report'],
])

function isGood(path: string, result: unknown): boolean {
  return path === '/feedbackTask'
    ? (result as { invalid?: unknown } | undefined)?.invalid !== true
    : path.startsWith('/reportCorrect')
}

/** The families by the names of their tasks: the services spell them alike, but for capitals and what comes before and after. */
const TYPES: readonly (readonly [RegExp, Family])[] = [
  [/^(?:recaptchav[23](?:enterprise)?|nocaptcha)task/i, 'recaptcha'],
  [/^(?:anti)?turnstiletask/i, 'turnstile'],
  [/^hcaptchatask/i, 'hcaptcha'],
  [/^geetesttask/i, 'geetest'],
  [/^friendlycaptchatask/i, 'friendly'],
  [/^mtcaptchatask/i, 'mtcaptcha'],
  [/^(?:amazon|antiawswaf)task/i, 'aws-waf'],
  [/^funcaptchatask/i, 'arkose'],
  [/^imagetotexttask$/i, 'image'],
]

function orderOf(task: Readonly<Record<string, unknown>> | undefined, { oneType = false }: TaskDialect): Order {
  if (!task) return { sitekey: '', pageUrl: '', fields: {}, wrong: 'ERROR_TASK_ABSENT' }
  const fields = asTexts(task)
  const { type = '', websiteURL = '' } = fields
  const websiteKey =
    fields.websiteKey ?? fields.websitePublicKey ?? fields.gt ?? fields.captchaId ?? fields.awsApiJs ?? ''
  const family = TYPES.find(([name]) => name.test(type))?.[1] ?? familyOfClass(task)
  if (family === 'image' || family === 'bls') return pictureOrder(family, task, fields)
  const proxy = proxyIn(fields)
  return { family, sitekey: websiteKey, pageUrl: websiteURL, fields, proxy, wrong: wrongWith() }

  function wrongWith(): string | undefined {
    if (!family) return 'ERROR_TASK_NOT_SUPPORTED'
    if (websiteKey === '') return 'ERROR_RECAPTCHA_INVALID_SITEKEY'
    const wants = !oneType && !/Proxyless$/i.test(type)
    if (proxy === undefined && wants) return 'ERROR_PROXY_MISSING'
    if (proxy !== undefined && !isProxy(proxy)) return 'ERROR_PROXY_FORMAT'
    const oneTime = family === 'geetest' && fields.version !== '4' && !fields.captchaId
    if (oneTime && !fields.challenge) return 'ERROR_BAD_REQUEST'
    return URL.canParse(websiteURL) ? undefined : 'ERROR_RECAPTCHA_INVALID_DOMAIN'
  }
}

function proxyIn(fields: Readonly<Record<string, string>>): string | undefined {
  const { proxyType, proxyAddress = '', proxyPort, proxyLogin, proxyPassword = '' } = fields
  if (proxyType === undefined) return undefined
  const login = proxyLogin ? `${encodeURIComponent(proxyLogin)}:${encodeURIComponent(proxyPassword)}@` : ''
  return `${proxyType}://${login}${proxyAddress.includes(':') ? `[${proxyAddress}]` : proxyAddress}:${proxyPort}`
}

/** CapMonster Cloud's types that say by a class, or by a name, what they are about. */
function familyOfClass({ type, class: kind, metadata }: Readonly<Record<string, unknown>>): Family | undefined {
  if (type === 'CustomTask' && kind === 'friendly') return 'friendly'
  const task = (metadata as { Task?: unknown } | null | undefined)?.Task
  return type === 'ComplexImageTask' && kind === 'recognition' && task === 'bls_3x3' ? 'bls' : undefined
}

function pictureOrder(
  family: PictureFamily,
  task: Readonly<Record<string, unknown>>,
  fields: Readonly<Record<string, string>>,
): Order {
  const { body, imagesBase64, metadata } = task
  const pictures = (family === 'image' ? [body] : Array.isArray(imagesBase64) ? imagesBase64 : []).map(String)
  const instruction = (metadata as { TaskArgument?: unknown } | null | undefined)?.TaskArgument
  const wrong = family === 'bls' && pictures.length !== 9 ? 'ERROR_BAD_REQUEST' : wrongPicture(pictures)
  return {
    family,
    sitekey: '',
    pageUrl: '',
    fields,
    pictures,
    instruction: typeof instruction === 'string' ? instruction : undefined,
    wrong,
  }
}

/** The numbers of some errors (anti-captcha.com/apidoc/errors, 2captcha.com/api-docs/error-codes). */
const ERROR_IDS: Readonly<Record<string, number>> = {
  ERROR_KEY_DOES_NOT_EXIST: 1,
  ERROR_NO_SLOT_AVAILABLE: 2,
  ERROR_ZERO_BALANCE: 10,
  ERROR_IP_NOT_ALLOWED: 11,
  ERROR_CAPTCHA_UNSOLVABLE: 12,
  ERROR_NO_SUCH_CAPCHA_ID: 16,
  ERROR_IP_BLOCKED: 21,
  ERROR_TASK_ABSENT: 22,
  ERROR_TASK_NOT_SUPPORTED: 23,
  ERROR_RECAPTCHA_INVALID_SITEKEY: 31,
  ERROR_RECAPTCHA_INVALID_DOMAIN: 32,
}

/** What the desk says in the older family's words. */
const TRANSLATED: Readonly<Record<string, string>> = {
  ERROR_WRONG_USER_KEY: 'ERROR_KEY_DOES_NOT_EXIST',
  ERROR_WRONG_ID_FORMAT: 'ERROR_NO_SUCH_CAPCHA_ID',
  ERROR_WRONG_CAPTCHA_ID: 'ERROR_NO_SUCH_CAPCHA_ID',
}

function speak(words: Words, endpoint: ServiceEndpoint, dialect: TaskDialect, answered?: Words): Spoken {
  const { tells, statuses } = dialect
  if ('error' in words) {
    if (words.error === 'CAPCHA_NOT_READY') return json({ errorId: 0, status: 'processing' })
    const errorCode = TRANSLATED[words.error] ?? words.error
    const errorId = statuses ? 1 : (ERROR_IDS[errorCode] ?? 1)
    const status = !statuses ? 200 : errorCode.includes('KEY') ? 401 : 400
    return json({ errorId, errorCode, errorDescription: `Described at length: ${errorCode}` }, status)
  }
  switch (endpoint) {
    case 'in':
      return json({
        errorId: 0,
        taskId: /^\d+$/.test(words.ok) ? Number(words.ok) : words.ok,
        ...(answered && 'task' in answered && answered.task
          ? { status: 'ready', solution: taskSolution(answered.task, answered.ok) }
          : {}),
      })
    case 'balance':
      return json({ errorId: 0, balance: Number(words.ok) })
    case 'report':
      return json({ errorId: 0, status: 'success' })
    case 'res': {
      const { task, price } = words
      const told = task && tells && { cost: price, ip: '127.0.0.1', ...times(task), solveCount: 1 }
      return json({ errorId: 0, status: 'ready', solution: task ? taskSolution(task, words.ok) : {}, ...told })
    }
  }
}

function times(task: { submittedAt: number; readyAt?: number | undefined }): { createTime: number; endTime: number } {
  const seconds = (ms: number): number => Math.floor(ms / 1000)
  return { createTime: seconds(task.submittedAt), endTime: seconds(task.readyAt ?? task.submittedAt) }
}

function json(value: object, status = 200): Spoken {
  return { text: JSON.stringify(value), type: 'application/json; charset=utf-8', status }
}
