import type { Family, PictureFamily } from '../base/challenge.js'
import { taskSolution } from './task-solution.js'
import {
  type DecodedRequest,
  type EncodedReply,
  formatCost,
  isProxy,
  parseObject,
  pictureError,
  type ServiceEndpoint,
  type SolvedTask,
  type TaskRequest,
  toStrings,
  type Wire,
  type WireReply,
  withoutEmpty,
} from './wire.js'

/** Where the services of the task family differ. */
export interface TaskDialect {
  /** Whether a result has `cost`, `createTime` and `endTime`. */
  readonly reportsCost: boolean
  /** Whether errors have HTTP statuses of 400 and above, and `errorId` 1 for all codes. */
  readonly errorStatuses: boolean
  /** Whether tasks with and without a proxy have the same type; else the type of those without ends in `Proxyless`. */
  readonly sameTypeWithProxy?: boolean
  /** Whether the reply to `createTask` carries the answer of an image task. */
  readonly solvesImagesAtOnce?: boolean
  /** The `status` in the reply to `createTask`. Strict clients of the others fail on a `status`. */
  readonly createdStatus?: 'idle'
}

/**
 * The server half of the task family's wire: JSON to `createTask`, `getTaskResult`, `getBalance` and the report paths.
 */
export function taskWire(dialect: TaskDialect): Wire {
  return ({ path, body }) => {
    const endpoint = TASK_PATHS.get(path)
    if (!endpoint) return undefined
    const { clientKey, ...sent } = parseObject(body) ?? {}
    const sentTask =
      typeof sent.task === 'object' && sent.task !== null ? (sent.task as Record<string, unknown>) : undefined
    const request = {
      endpoint,
      key: typeof clientKey === 'string' ? clientKey : undefined,
      keyInUrl: false,
      fields: toStrings({ ...sent, ...sentTask }),
      encode: ([reply, answer]: readonly WireReply[]) =>
        encode(reply ?? { error: 'ERROR_BAD_REQUEST' }, endpoint, dialect, answer),
    } satisfies DecodedRequest
    if (endpoint === 'in') {
      const task = readTask(sentTask, dialect)
      return { ...request, task, immediate: dialect.solvesImagesAtOnce === true && task.family === 'image' }
    }
    const id = typeof sent.taskId === 'number' || typeof sent.taskId === 'string' ? String(sent.taskId) : ''
    return { ...request, ids: [id], good: isGood(path, sent.result) }
  }
}

/** The paths of the task family, and what they are for. */
export const TASK_PATHS: ReadonlyMap<string, ServiceEndpoint> = new Map<string, ServiceEndpoint>([
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

/** The families by task type: the services' names differ in capitals, prefixes and suffixes only. */
const TYPES: readonly (readonly [RegExp, Family])[] = [
  [/^(?:recaptchav[23](?:enterprise)?|nocaptcha)task/i, 'recaptcha'],
  [/^(?:anti)?turnstiletask/i, 'turnstile'],
  [/^hcaptchatask/i, 'hcaptcha'],
  [/^geetesttask/i, 'geetest'],
  [/^friendlycaptchatask/i, 'friendly'],
  [/^mtcaptchatask/i, 'mtcaptcha'],
  [/^captchafoxtask/i, 'captchafox'],
  [/^yandex(?:smart)?captchatask/i, 'yandex'],
  [/^(?:amazon|antiawswaf)task/i, 'aws-waf'],
  [/^funcaptchatask/i, 'arkose'],
  [/^imagetotexttask$/i, 'image'],
]

function readTask(
  task: Readonly<Record<string, unknown>> | undefined,
  { sameTypeWithProxy = false }: TaskDialect,
): TaskRequest {
  if (!task) return { sitekey: '', pageUrl: '', fields: {}, error: 'ERROR_TASK_ABSENT' }
  const fields = withoutEmpty(toStrings(task))
  const { type = '', websiteURL = '' } = fields
  const websiteKey =
    fields.websiteKey ?? fields.websitePublicKey ?? fields.gt ?? fields.captchaId ?? fields.awsApiJs ?? ''
  const family = TYPES.find(([name]) => name.test(type))?.[1] ?? familyOfClass(task)
  if (family === 'image' || family === 'bls') return readPictureTask(family, task, fields)
  const proxy = readProxy(fields)
  return { family, sitekey: websiteKey, pageUrl: websiteURL, fields, proxy, error: error() }

  function error(): string | undefined {
    if (!family) return 'ERROR_TASK_NOT_SUPPORTED'
    if (websiteKey === '') return 'ERROR_RECAPTCHA_INVALID_SITEKEY'
    const needsProxy = !sameTypeWithProxy && !/Proxyless$/i.test(type)
    if (proxy === undefined && needsProxy) return 'ERROR_PROXY_MISSING'
    if (proxy !== undefined && !isProxy(proxy)) return 'ERROR_PROXY_FORMAT'
    const oneTime = family === 'geetest' && fields.version !== '4' && !fields.captchaId
    if (oneTime && !fields.challenge) return 'ERROR_BAD_REQUEST'
    return URL.canParse(websiteURL) ? undefined : 'ERROR_RECAPTCHA_INVALID_DOMAIN'
  }
}

/** The task's proxy. What a client gives in another form, as CapSolver's one text, is returned as it is. */
function readProxy(fields: Readonly<Record<string, string>>): string | undefined {
  const { proxyType, proxyAddress = '', proxyPort, proxyLogin, proxyPassword = '' } = fields
  if (proxyType === undefined) return fields.proxy
  const login = proxyLogin ? `${encodeURIComponent(proxyLogin)}:${encodeURIComponent(proxyPassword)}@` : ''
  return `${proxyType}://${login}${proxyAddress.includes(':') ? `[${proxyAddress}]` : proxyAddress}:${proxyPort}`
}

/** CapMonster Cloud's types whose family is named by `class`, or by `metadata.Task`. */
function familyOfClass({ type, class: kind, metadata }: Readonly<Record<string, unknown>>): Family | undefined {
  if (type === 'CustomTask' && kind === 'friendly') return 'friendly'
  const task = (metadata as { Task?: unknown } | null | undefined)?.Task
  return type === 'ComplexImageTask' && kind === 'recognition' && task === 'bls_3x3' ? 'bls' : undefined
}

function readPictureTask(
  family: PictureFamily,
  task: Readonly<Record<string, unknown>>,
  fields: Readonly<Record<string, string>>,
): TaskRequest {
  const { body, imagesBase64, metadata } = task
  const pictures = (family === 'image' ? [body] : Array.isArray(imagesBase64) ? imagesBase64 : []).map(String)
  const instruction = (metadata as { TaskArgument?: unknown } | null | undefined)?.TaskArgument
  const error = family === 'bls' && pictures.length !== 9 ? 'ERROR_BAD_REQUEST' : pictureError(pictures)
  return {
    family,
    sitekey: '',
    pageUrl: '',
    fields,
    pictures,
    instruction: typeof instruction === 'string' ? instruction : undefined,
    error,
  }
}

/** `errorId` of some codes (anti-captcha.com/apidoc/errors, 2captcha.com/api-docs/error-codes). */
const ERROR_IDS: Readonly<Record<string, number>> = {
  ERROR_KEY_DOES_NOT_EXIST: 1,
  ERROR_NO_SLOT_AVAILABLE: 2,
  ERROR_ZERO_CAPTCHA_FILESIZE: 3,
  ERROR_TOO_BIG_CAPTCHA_FILESIZE: 4,
  ERROR_ZERO_BALANCE: 10,
  ERROR_IP_NOT_ALLOWED: 11,
  ERROR_CAPTCHA_UNSOLVABLE: 12,
  ERROR_NO_SUCH_METHOD: 14,
  ERROR_IMAGE_TYPE_NOT_SUPPORTED: 15,
  ERROR_NO_SUCH_CAPCHA_ID: 16,
  ERROR_IP_BLOCKED: 21,
  ERROR_TASK_ABSENT: 22,
  ERROR_TASK_NOT_SUPPORTED: 23,
  ERROR_RECAPTCHA_INVALID_SITEKEY: 31,
  ERROR_RECAPTCHA_INVALID_DOMAIN: 32,
  ERROR_ACCOUNT_SUSPENDED: 57,
  ERROR_BAD_PARAMETERS: 110,
}
/** For codes without a number of their own. Not 1, which clients read as a wrong key, and never 11. */
const OTHER_ERROR_ID = 110

/** Codes of the form family that have another name in this one. */
const TASK_FAMILY_CODES: Readonly<Record<string, string>> = {
  ERROR_WRONG_USER_KEY: 'ERROR_KEY_DOES_NOT_EXIST',
  ERROR_WRONG_ID_FORMAT: 'ERROR_NO_SUCH_CAPCHA_ID',
  ERROR_WRONG_CAPTCHA_ID: 'ERROR_NO_SUCH_CAPCHA_ID',
}

function encode(reply: WireReply, endpoint: ServiceEndpoint, dialect: TaskDialect, answer?: WireReply): EncodedReply {
  if ('error' in reply) return encodeError(reply.error, dialect, reply.description)
  switch (endpoint) {
    case 'in':
      return json({
        errorId: 0,
        taskId: /^\d+$/.test(reply.value) ? Number(reply.value) : reply.value,
        ...(dialect.createdStatus !== undefined && { status: dialect.createdStatus }),
        ...(answer && 'task' in answer && answer.task
          ? { status: 'ready', solution: taskSolution(answer.task, answer.value) }
          : {}),
      })
    case 'balance':
      return json({ errorId: 0, balance: Number(reply.value) })
    case 'threads':
      return encodeError('ERROR_METHOD_CALL', dialect)
    case 'report':
      return json({ errorId: 0, status: 'success' })
    case 'res': {
      const { task, value, cost, extra } = reply
      const solution = task ? { ...taskSolution(task, value), ...extra } : {}
      const price = cost === undefined ? undefined : formatCost(cost)
      const details = task && dialect.reportsCost && { cost: price, ip: '127.0.0.1', ...times(task), solveCount: 1 }
      return json({ errorId: 0, status: 'ready', solution, ...details })
    }
  }
}

function encodeError(
  code: string,
  { errorStatuses }: TaskDialect,
  description = `Described at length: ${code}`,
): EncodedReply {
  if (code === 'CAPCHA_NOT_READY') return json({ errorId: 0, status: 'processing' })
  const errorCode = TASK_FAMILY_CODES[code] ?? code
  const errorId = errorStatuses ? 1 : (ERROR_IDS[errorCode] ?? OTHER_ERROR_ID)
  const status = !errorStatuses ? 200 : errorCode.includes('KEY') ? 401 : 400
  return json({ errorId, errorCode, errorDescription: description }, status)
}

/** In seconds, as the services write them. */
function times({ submittedAt, readyAt }: SolvedTask): { createTime: number; endTime: number } {
  const seconds = (ms: number): number => Math.floor(ms / 1000)
  return { createTime: seconds(submittedAt), endTime: seconds(readyAt) }
}

function json(value: object, status = 200): EncodedReply {
  return { text: JSON.stringify(value), type: 'application/json; charset=utf-8', status }
}
