import type { Family } from '../base/challenge.js'
import type { FailureClass } from './solver.js'

/** What one error code means. */
export interface ErrorRule {
  readonly class: FailureClass
  /** One sentence for the user, in which the service is called "the service". */
  readonly message: string
  /** How long to wait before a retry, by the services' own rules, ms. */
  readonly retryAfterMs?: number
  /**
   * Whether the service charges for a submitted task when a poll ends with this code; or for which families. A code
   * that does not report the task's own end counts as charged, because the task may still be solved and charged.
   * @default true
   */
  readonly charged?: boolean | readonly Family[]
  /**
   * Whether a submit with this code created no task. `false` for the codes of an internal error: a service may fail
   * after it accepted the task, and charge for it.
   * @default true
   */
  readonly refuses?: boolean
  /**
   * Whether the code may mean that the account's plan has ended: `threadsInfo` of the solver decides.
   * @default false
   */
  readonly maybeEnded?: boolean
}

export type ErrorTable = Readonly<Record<string, ErrorRule>>

const SLOT_MS = 5_000
const MINUTE_MS = 60_000

const NO_CONNECTION =
  "The service got no connection to the page's proxy: does it run, and does it accept the service's addresses?"

/**
 * The services' error codes, and what to do about each: the one table. A service whose own reference differs overrides
 * a rule in its own file. Sources: https://2captcha.com/api-docs/error-codes, https://anti-captcha.com/apidoc/errors,
 * https://docs.capmonster.cloud/docs/api/api-errors, https://docs.capsolver.com/en/guide/api-error/ and
 * https://blog.captchaai.com/captchaai-api-quick-reference-card.
 */
export const COMMON_ERRORS: ErrorTable = {
  // Wait and retry.
  ERROR_NO_SLOT_AVAILABLE: busy('The service has no free slot.', SLOT_MS),
  ERROR_TOO_MUCH_REQUESTS: busy('The service reports too many calls in a short time.', 10_000),
  MAX_USER_TURN: busy('The service reports too many calls in a short time.', 10_000),
  ERROR_RATE_LIMIT: busy('The service reports too many calls in a short time.', 10_000),
  ERROR_SERVICE_UNAVALIABLE: internal('The service is not available.'),
  ERROR_SERVICE_UNAVAILABLE: internal('The service is not available.'),
  ERROR_SERVICE_NOT_AVAILABLE: internal('The service is not available.'),
  ERROR_SERVER_ERROR: internal('The service has an internal error.'),
  ERROR_INTERNAL_SERVER_ERROR: internal('The service has an internal error.'),

  // This task failed.
  ERROR_CAPTCHA_UNSOLVABLE: unsolvable('The service could not solve this CAPTCHA.'),
  ERROR_TASK_TIMEOUT: unsolvable('The service did not solve this CAPTCHA in time.'),
  ERROR_RECAPTCHA_TIMEOUT: unsolvable('The service did not solve this CAPTCHA in time.'),
  ERROR_TOKEN_EXPIRED: unsolvable('The one-time value of the page was used, or expired, before the service used it.'),
  ERROR_BAD_DUPLICATES: unsolvable("The service's workers did not agree on an answer."),

  // The request is wrong.
  ERROR_BAD_PARAMETERS: request('The service reports that a field of the request is missing or wrong.'),
  ERROR_PAGEURL: request("The service does not accept the page's address."),
  ERROR_GOOGLEKEY: request('The service does not accept the sitekey.'),
  ERROR_WRONG_GOOGLEKEY: request('The service does not accept the sitekey.'),
  ERROR_SITEKEY: request('The service does not accept the sitekey.'),
  ERROR_BAD_TOKEN_OR_PAGEURL: request(
    "The service reports that the sitekey and the page's address do not belong together.",
  ),
  ERROR_RECAPTCHA_INVALID_SITEKEY: request('The service reports that the sitekey is not valid.'),
  ERROR_RECAPTCHA_INVALID_DOMAIN: request(
    "The service reports that the sitekey and the page's address do not belong together.",
  ),
  ERROR_RECAPTCHA_OLD_BROWSER: request('The service reports that the browser named in the request is too old.'),
  ERROR_WRONG_USERAGENT: request('The service reports that the browser named in the request is too old.'),
  ERROR_DOMAIN_NOT_ALLOWED: request('The service does not solve for this site.'),
  ERROR_INVALID_TASK: request('The service reports that a field of the request is missing or wrong.'),
  ERROR_INVALID_TASK_DATA: request('The service reports that a field of the request is missing or wrong.'),
  ERROR_BAD_REQUEST: request('The service could not read the request.'),
  ERROR_INCORRECT_SESSION_DATA: request('The service reports that a field of the request is missing or wrong.'),
  ERROR_TASK_ABSENT: request('The service found no task in the request.'),
  ERROR_EMPTY_ACTION: request('The service found no action in the request.'),
  ERROR_IMAGE_TYPE_NOT_SUPPORTED: request('The service does not accept this type of image.'),
  ERROR_WRONG_FILE_EXTENSION: request('The service does not accept this type of image.'),
  ERROR_IMAGE_DIMENSIONS_TOO_LARGE: request('The image has more pixels than the service accepts.'),
  ERROR_ZERO_CAPTCHA_FILESIZE: request('The image is too small for the service.'),
  ERROR_TOO_BIG_CAPTCHA_FILESIZE: request('The image is too large for the service.'),
  ERROR_UPLOAD: request('The service could not read the image.'),
  ERROR_CAPTCHAIMAGE_BLOCKED: request('The service no longer accepts this image.'),
  ERROR_INVALID_IMAGE: request('The image does not have a size that the service accepts.'),
  ERROR_PARSE_IMAGE_FAIL: request('The service could not read the image.'),
  ERROR_BAD_IMGINSTRUCTIONS: request('The service could not read the picture with the instruction.'),
  ERROR_UNKNOWN_QUESTION: request('The service does not know this question.'),
  ERROR_PROXY_MISSING: request('The service needs a proxy for this kind of task.'),

  // The service cannot use the proxy through which the page is browsed.
  ERROR_PROXY_FORMAT: proxy(
    "The service does not accept the page's proxy as it is written: give it by its IP address.",
  ),
  ERROR_BAD_PROXY: proxy("The service no longer uses the page's proxy: use another one."),
  ERROR_PROXY_TRANSPARENT: proxy("The page's proxy reveals its user's address to the site: use one that does not."),
  ERROR_PROXY_NOT_AUTHORISED: proxy("The page's proxy did not accept its user name and password from the service."),
  ERROR_PROXY_CREDENTIALS_INVALID_CHARACTER: proxy(
    "The login of the page's proxy has a character that the service does not accept: choose another one.",
  ),
  ERROR_PROXY_HAS_NO_IMAGE_SUPPORT: proxy("The page's proxy does not forward pictures: use one that does."),
  ERROR_PROXY_INCOMPATIBLE_HTTP_VERSION: proxy("The page's proxy does not forward HTTPS: use one that does."),
  ERROR_PROXY_CONNECT_REFUSED: proxy(NO_CONNECTION),
  ERROR_PROXY_CONNECTION_FAILED: proxy(NO_CONNECTION),
  ERR_PROXY_CONNECTION_FAILED: proxy(NO_CONNECTION),
  ERROR_PROXY_CONNECT_TIMEOUT: proxy(NO_CONNECTION),
  ERROR_PROXY_READ_TIMEOUT: proxy("The page's proxy is too slow for the service: use a faster one."),
  ERROR_PROXY_BANNED: proxy("The site has banned the page's proxy: use another one."),
  // The service does not know the task, or no longer: it may have solved it, and charged for it, before that.
  ERROR_WRONG_ID_FORMAT: { ...request("The service does not accept the task's id."), charged: true },
  ERROR_WRONG_CAPTCHA_ID: { ...request('The service does not know the task (any more).'), charged: true },
  WRONG_CAPTCHA_ID: { ...request('The service does not know the task (any more).'), charged: true },
  ERROR_TASKID_INVALID: { ...request('The service does not know the task (any more).'), charged: true },
  ERROR_NO_SUCH_CAPCHA_ID: { ...request('The service does not know the task (any more).'), charged: true },

  // The service does not do this kind of task (any more).
  ERROR_NO_SUCH_METHOD: unsupported('The service does not know this kind of task.'),
  ERROR_TASK_NOT_SUPPORTED: unsupported('The service does not know this kind of task.'),
  // Anti-Captcha's and 2Captcha's answers to hCaptcha
  // (https://github.com/anti-captcha/anticaptcha-python/issues/6, https://github.com/Furry/2captcha/issues/58).
  ERROR_TASK_TYPE_DEPRECATED: unsupported('The service no longer does this kind of task.'),
  ERROR_METHOD_CALL: unsupported('The service does not know this kind of call.'),

  // The key is wrong.
  ERROR_WRONG_USER_KEY: { class: 'key', message: 'The service reports that the key has a wrong form.' },
  ERROR_KEY_DOES_NOT_EXIST: { class: 'key', message: 'The service does not know the key.' },
  ERROR_KEY_TEMP_BLOCKED: { class: 'key', message: 'The service has blocked the key for a while.' },
  ERROR_KEY_DENIED_ACCESS: { class: 'key', message: 'The service does not allow this key to do that.' },

  // The address is wrong.
  ERROR_IP_NOT_ALLOWED: address('The service does not accept calls from this address.'),
  ERROR_IP_BANNED: address('The service has banned this address.', 5 * MINUTE_MS),
  IP_BANNED: address('The service has banned this address, after repeated calls with a wrong key.', 5 * MINUTE_MS),
  ERROR_IP_BLOCKED: address('The service has blocked this address.', 5 * MINUTE_MS),
  ERROR_ACCOUNT_SUSPENDED: address('The service has suspended the account.'),

  // No money.
  ERROR_ZERO_BALANCE: { class: 'balance', message: 'The account has no money left.', retryAfterMs: MINUTE_MS },
  ERROR_SETTLEMENT_FAILED: {
    class: 'balance',
    message: 'The service could not charge the account.',
    retryAfterMs: MINUTE_MS,
  },
}

function busy(message: string, retryAfterMs: number): ErrorRule {
  return { class: 'busy', message, retryAfterMs }
}

/** A poll is retried. A submit may have created a task. */
function internal(message: string): ErrorRule {
  return { class: 'busy', message, retryAfterMs: 10_000, refuses: false }
}

function unsolvable(message: string): ErrorRule {
  return { class: 'unsolvable', message, charged: false }
}

function request(message: string): ErrorRule {
  return { class: 'request', message, charged: false }
}

function proxy(message: string): ErrorRule {
  return { class: 'proxy', message, charged: false }
}

function unsupported(message: string): ErrorRule {
  return { class: 'unsupported', message, charged: false }
}

function address(message: string, retryAfterMs?: number): ErrorRule {
  return retryAfterMs === undefined ? { class: 'address', message } : { class: 'address', message, retryAfterMs }
}

/** The rule for a code, or undefined if no table has it. A code is untrusted text, so only own properties count. */
export function errorRule(code: string, overrides: ErrorTable): ErrorRule | undefined {
  if (Object.hasOwn(overrides, code)) return overrides[code]
  return Object.hasOwn(COMMON_ERRORS, code) ? COMMON_ERRORS[code] : undefined
}
