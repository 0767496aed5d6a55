/**
 * The errors of the whole library. Every error, a denial included, has a stable `code`, a message that a person can act
 * on, and the address of the page that explains the code. The table below is the only list of codes: a test checks
 * `docs/errors.md` against it.
 */

/** A layer that can deny, in the order in which the gate checks them. */
export type Layer = 'origin' | 'time' | 'secret' | 'network' | 'spending' | 'audit'

/** All layers, in that order. */
export const LAYERS = ['origin', 'time', 'secret', 'network', 'spending', 'audit'] as const satisfies readonly Layer[]

/** The explanation of a code. */
export interface CodeInfo {
  /** The layer that denies with this code; absent for codes that are not denials. */
  readonly layer?: Layer
  /** What the code means, in one sentence. */
  readonly meaning: string
  /** What to do about it, in one sentence. */
  readonly remedy: string
}

/** All codes. A code is never renamed and never changes its meaning; codes are only added. */
export const CODES = {
  // Denials, by layer.
  ORIGIN_NOT_NAMED: {
    layer: 'origin',
    meaning: 'The page, or the frame of the widget, has an origin that the policy does not name.',
    remedy: 'Add the origin to `policy.origins` if you own that site or may automate it.',
  },
  ORIGIN_OPAQUE: {
    layer: 'origin',
    meaning: 'The page has no web origin of its own (about:, data:, blob:, javascript:, file: and the like).',
    remedy: 'Serve the page over http or https, from an origin that the policy names.',
  },
  OUTSIDE_SCHEDULE: {
    layer: 'time',
    meaning: 'The working hours in `policy.schedule` are over, or have not begun.',
    remedy: 'Try again at `retryAt`, or widen the schedule.',
  },
  KEY_TOO_OLD: {
    layer: 'time',
    meaning: 'The key has expired, or is older than `policy.key.expireAfter`.',
    remedy: 'Create a new key at the service and put it into the secrets store.',
  },
  TOKEN_NOT_YET_VALID: {
    layer: 'time',
    meaning: 'The token is not valid yet by the clock of this machine.',
    remedy:
      'Try again at `retryAt`; if that is a surprise, set the clock of the machine that issued it, or of this one.',
  },
  TOKEN_EXPIRED: {
    layer: 'time',
    meaning: 'The token, or one of its links, has expired.',
    remedy: 'Have a new token issued.',
  },
  TOKEN_REVOKED: {
    layer: 'time',
    meaning: 'The token, or a token that it was narrowed from, was revoked.',
    remedy: 'Have a new token issued, if its holder is still trusted.',
  },
  SECRET_MISSING: {
    layer: 'secret',
    meaning: 'The secret provider has no key under the given name.',
    remedy: 'Put the key into the place that the message names.',
  },
  SECRET_UNSAFE: {
    layer: 'secret',
    meaning: 'Other users can read the place where the key is stored.',
    remedy: 'Restrict the permissions with the command in the message.',
  },
  SECRET_INVALID: {
    layer: 'secret',
    meaning:
      'What the secret provider returned cannot be a key (JSON, PEM, `NAME=value`, in quotes, too long, with spaces).',
    remedy: 'Store only the key there, or set which field of the JSON is the key.',
  },
  SECRET_DENIED: {
    layer: 'secret',
    meaning: 'The secrets store does not allow this process to read the key.',
    remedy: 'Give the login in the message the permission to read it, or use a login that has it.',
  },
  KEY_OF_ANOTHER_ENVIRONMENT: {
    layer: 'secret',
    meaning: 'The ledger has the key as the key of another environment.',
    remedy: 'Give each environment a key of its own, or name the other one in `sharedWith`.',
  },
  SECRET_UNAVAILABLE: {
    layer: 'secret',
    meaning: 'The secret provider did not answer, and no cached key is fresh enough.',
    remedy: 'Check the secrets store; solves continue as soon as it answers.',
  },
  TOKEN_INVALID: {
    layer: 'secret',
    meaning: 'The text is not a token of this package: its form, its length, or what one of its parts states.',
    remedy: 'Pass on the whole token, exactly as `issueToken` or `narrowToken` returned it.',
  },
  TOKEN_ALTERED: {
    layer: 'secret',
    meaning: "The token's signature does not belong to it: it was altered, or links were cut off, added or reordered.",
    remedy: 'Pass on the whole token, and narrow it only with `narrowToken`.',
  },
  TOKEN_KEY_UNKNOWN: {
    layer: 'secret',
    meaning: 'The token was signed with a key that this guard does not have (any more).',
    remedy: 'Give all processes of the guard the same `tokens.keys`; after a rotation, have a new token issued.',
  },
  TOKEN_AUDIENCE: {
    layer: 'secret',
    meaning: 'The token was issued by a guard of another name.',
    remedy: 'Use it with the guard that issued it, or have a new token issued by this one.',
  },
  TOKEN_WIDENED: {
    layer: 'secret',
    meaning: 'A link of the token states more than the links before it allow.',
    remedy: 'Narrow the token with less than it allows; the message names the field.',
  },
  HANDLE_UNKNOWN: {
    layer: 'secret',
    meaning: 'The ledger has no token for this handle: it has expired, or was never issued.',
    remedy: 'Have a new token issued, with a handle.',
  },
  EGRESS_CONFLICT: {
    layer: 'network',
    meaning: 'Two policies on the path require different egress routes.',
    remedy: 'Set `policy.egress` in one place, or to the same values.',
  },
  EGRESS_ADDRESS: {
    layer: 'network',
    meaning: 'Calls leave from an address that is not in `policy.egress.expectIp`.',
    remedy: 'Correct the egress route, or add that address.',
  },
  EGRESS_UNVERIFIED: {
    layer: 'network',
    meaning: 'The address from which calls leave could not be determined.',
    remedy: 'Check `policy.egress.ipCheckUrl`, and whether the egress route of the policy can reach it.',
  },
  PAGE_PROXY_CONFLICT: {
    layer: 'network',
    meaning: 'Two policies on the path name different proxies for the pages.',
    remedy: 'Set `policy.pageProxy` in one place, or to the same proxy.',
  },
  BUDGET_EXHAUSTED: {
    layer: 'spending',
    meaning: 'The solve would exceed the amount that a budget on its path allows in a day.',
    remedy: 'Try again at `retryAt`, or raise `policy.budget.perDay`.',
  },
  RATE_EXCEEDED: {
    layer: 'spending',
    meaning: 'The solve would exceed `policy.budget.perMinute`.',
    remedy: 'Try again at `retryAt`, or set `policy.budget.wait` to have solves queue.',
  },
  SLOTS_FULL: {
    layer: 'spending',
    meaning: 'As many solves are under way as `policy.budget.concurrent` allows.',
    remedy: 'Try again when one has ended, or set `policy.budget.wait` to have solves queue.',
  },
  PAGE_LIMIT_REACHED: {
    layer: 'spending',
    meaning: 'This load of the page has had as many solves, paid or under way, as `policy.budget.perPage` allows.',
    remedy: 'Check why the page requests so many, or raise `policy.budget.perPage`.',
  },
  PRICE_TOO_HIGH: {
    layer: 'spending',
    meaning: 'One solve of this kind may cost more than `policy.budget.perSolve` allows.',
    remedy: "Raise `policy.budget.perSolve`, or correct the solver's `pricing`.",
  },
  GUARD_PAUSED: {
    layer: 'spending',
    meaning: 'The guard, or the token or the subject of the solve, is paused; the message has the reason.',
    remedy:
      'Correct the cause, then `npx solveguard resume` or `guard.resume()`, of the token or subject if that is paused.',
  },
  LEDGER_UNAVAILABLE: {
    layer: 'spending',
    meaning: 'The ledger could not be read or written, so nothing may be spent.',
    remedy: 'Make the ledger reachable and writable.',
  },
  LEDGER_UNSAFE: {
    layer: 'spending',
    meaning: 'The ledger is on a server that may delete what was recorded as spent.',
    remedy: 'Configure its server as the message describes.',
  },
  AUDIT_UNAVAILABLE: {
    layer: 'audit',
    meaning: 'The audit record could not be written, so nothing may be spent.',
    remedy: 'Make the audit log writable (disk space, permissions).',
  },

  // The caller's side.
  CONFIG_INVALID: {
    meaning: 'An option or a policy does not have the required shape.',
    remedy: 'Correct the field that the message names.',
  },
  CHALLENGE_INVALID: {
    meaning: 'The challenge does not have the required shape (a page may have reported it wrongly).',
    remedy: 'Check the field that the message names.',
  },
  TEST_KEY_BLOCKS: {
    meaning: 'The sitekey is one that its vendor publishes for tests of a failure.',
    remedy:
      "Let it block, use the vendor's passing test key, or have the service solve it with `policy.testKeys: 'solve'`.",
  },
  FAMILY_UNSUPPORTED: {
    meaning: 'The solver does not support this family or variant of CAPTCHA.',
    remedy: 'Use a solver that supports it.',
  },
  PAGE_PROXY_UNSUPPORTED: {
    meaning: 'The solver cannot solve this kind of CAPTCHA through the proxy in `policy.pageProxy`.',
    remedy: 'Use a solver that can, or remove `policy.pageProxy` if the site accepts a token from another address.',
  },
  BATCH_UNDER_WAY: {
    meaning: 'Another process is working on the batch of that name.',
    remedy: 'Wait until it ends, or give this batch another name.',
  },
  BATCH_ITEMS_DIFFER: {
    meaning: 'The batch of that name was begun with other items.',
    remedy: 'Give this batch another name, or run it with the items that it was begun with.',
  },
  GUARD_CLOSED: { meaning: 'The guard was closed.', remedy: 'Create a new guard, or close this one later.' },
  SOLVE_ABORTED: {
    meaning: 'The caller aborted the solve through its signal.',
    remedy: 'Nothing: the ledger keeps what the service may charge for it.',
  },
  SOLVE_TIMEOUT: {
    meaning: 'The solve did not end within `policy.deadline`.',
    remedy: 'Try again, or allow more time.',
  },

  // The broker.
  BROKER_DRAINING: {
    meaning: 'The broker is about to stop: it takes no new tasks, and answers polls for those that it has.',
    remedy: 'Submit to another broker, or again when this one has been started anew.',
  },
  BROKER_UNSAFE: {
    meaning: 'The broker would be reachable in a way that gives its tokens or its rights away.',
    remedy: 'Do what the message says: listen on loopback, use TLS, or choose a token that cannot be guessed.',
  },
  GUARD_WITHOUT_KEY: {
    meaning: 'A guard that holds a token and no key was asked for what only the guard behind the broker can do.',
    remedy: 'Ask the guard that holds the key, or use the admin listener of its broker.',
  },
  CONNECTION_BYPASSES_GUARD: {
    meaning: 'Under `solveguard/register`, a connection to a service was opened in a way that the guard cannot answer.',
    remedy: 'Use HTTPS, by a function of Node or a library that uses them, and do not look the name up beforehand.',
  },

  // The service's side.
  CAPTCHA_UNSOLVABLE: {
    meaning: 'The service could not solve this task.',
    remedy: 'Try again, or allow more `policy.attempts`.',
  },
  SOLVER_BUSY: {
    meaning: 'The service had no free slot until the deadline of the solve, or failed while it received the task.',
    remedy: 'Try again later, or with fewer solves at a time.',
  },
  SOLVER_UNREACHABLE: {
    meaning: 'No usable connection to the service, or no reply in time.',
    remedy: 'Check the network, and the proxy in `policy.egress` if there is one.',
  },
  SOLVER_REPLY_INVALID: {
    meaning: "The service's reply could not be read (HTML, empty, cut off, of the wrong type, or far too long).",
    remedy: 'Check `baseUrl`; if it is right, the service has a failure: try again later.',
  },
  SOLVER_REFUSED: {
    meaning: 'The service reports that the request itself is wrong.',
    remedy: "Compare the sitekey and the page's address with what the page shows.",
  },
  PAGE_PROXY_FAILED: {
    meaning: 'The service could not solve through the proxy in `policy.pageProxy`.',
    remedy: 'Check the proxy: the service has to reach it and log in to it, from its own addresses.',
  },
  SOLVER_ERROR: {
    meaning: 'The service answered with an error that is not in the table of errors; the message has it.',
    remedy: "Look the code up in the service's documentation.",
  },
  KEY_REFUSED: {
    meaning: 'The service does not accept the key. The guard is paused.',
    remedy: 'Put a valid key into the secrets store, then `npx solveguard resume` or `guard.resume()`.',
  },
  ADDRESS_REFUSED: {
    meaning: 'The service does not accept calls from this address. The guard is paused.',
    remedy: "White-list the address in the service's settings, then `npx solveguard resume` or `guard.resume()`.",
  },
  BALANCE_EMPTY: {
    meaning: "The account's balance is used up. The guard is paused.",
    remedy: 'Top the account up, then `npx solveguard resume` or `guard.resume()`.',
  },

  // The page's side.
  PAGE_GONE: {
    meaning: 'The page or frame navigated, or was closed, while a solve was under way; the money is accounted for.',
    remedy: 'Solve before you leave the page, and wait for the solve to end.',
  },
  PAGE_UNRESPONSIVE: {
    meaning: 'The page did not answer in time.',
    remedy: 'Check what keeps the page busy; the message reports a solution that was already paid for.',
  },
  WIDGET_GONE: {
    meaning: 'The widget is no longer in the page, or refused the solution.',
    remedy: 'Find it again: pages may remove widgets and render new ones.',
  },
  WAIT_TIMEOUT: {
    meaning: 'No widget appeared in the page within the waiting time.',
    remedy: 'Wait longer, or check what the page does; `captcha.find` lists its widgets.',
  },
  WIDGET_FAILED: {
    meaning: 'A widget whose answer the browser computes (ALTCHA, Cap) has failed.',
    remedy: "Check the site's own endpoints for that widget; the message has its error.",
  },

  // The command line.
  COMMAND_INVALID: {
    meaning: 'The command line is wrong: an unknown command or option, a value that cannot be one, a missing answer.',
    remedy: 'Correct what the message names; `solveguard COMMAND --help` has the options and an example.',
  },
  COMMAND_INTERRUPTED: {
    meaning: 'The command was interrupted (Ctrl+C, SIGTERM).',
    remedy:
      'Nothing: what was under way is accounted for, and tasks that the service has are followed by the next run.',
  },
  COMMAND_FAILED: {
    meaning: 'The command failed for a reason that has no code of its own.',
    remedy:
      'Do what the message says; if it says nothing useful, report it with the output of `solveguard doctor --json`.',
  },

  // Alerts only (never thrown).
  BUDGET_THRESHOLD: {
    meaning: 'A threshold in `policy.budget.alertsAt` was crossed.',
    remedy: 'Nothing, if expected.',
  },
  KEY_LEAK_SUSPECTED: {
    meaning:
      "More of the service's balance is gone than this ledger's solves cost: another client may be using the key.",
    remedy:
      'Revoke the key at the service and store a new one; if the key is shared on purpose, set `sharedKey: true`.',
  },
  ALERT_UNDELIVERED: {
    meaning: 'Alerts cannot be delivered to one of the channels in `alerts`, or are delivered again.',
    remedy: 'Check the channel that the message names.',
  },
  PAGE_DRAIN_SUSPECTED: {
    meaning: 'One load of a page requests more solves than its budget allows.',
    remedy: 'Check that page: it may be broken or hostile. What it requested beyond the limits was denied.',
  },
  AUDIT_COPY_BEHIND: {
    meaning: 'A copy of the audit log cannot be written, or is written again.',
    remedy: 'Check the sink to which it is written.',
  },
  CLOCKS_DIFFER: {
    meaning: "This machine's clock and that of the ledger differ by more than five minutes; both count against you.",
    remedy: 'Set the clock that is wrong: of this process, or of the file system or server that has the ledger.',
  },
  LIMITS_DIFFER: {
    meaning: 'Two guards with the same name have different limits; the lower limit applies to both.',
    remedy: 'Give both the same `policy.budget`, or different names.',
  },
  PRICE_ABOVE_RESERVED: {
    meaning: 'The service charged more than the upper price that was reserved.',
    remedy: "Correct the solver's `pricing`.",
  },
  CALLBACKS_MISSING: {
    meaning: 'A service called back for none of several tasks in a row, although it was asked to.',
    remedy: 'Check that `callbacks.url` can be reached from outside, and whether the service wants it registered.',
  },
  TASK_ID_REPEATED: {
    meaning: 'The service answered a submit with the id of an earlier task.',
    remedy: 'Check `baseUrl`, and what repeats replies on the way to the service (a cache, a proxy).',
  },
  LEDGER_BEHIND_AUDIT: {
    meaning: "By today's audit log more was spent than the ledger knows: it was replaced, or rolled back.",
    remedy: 'Put the right ledger back; until then, expect that what it does not know is spent again.',
  },
  LEDGER_NEW_IN_CI: {
    meaning: 'A CI job began a new ledger file: every such job has the whole budget.',
    remedy: 'Use `redisLedger`, or a `stateDir` that jobs keep and share.',
  },
  KEY_IN_TWO_LEDGERS: {
    meaning: 'A key is used with two ledgers on one machine, each with a budget of its own.',
    remedy: 'Give the guards one `stateDir`, or each a key of its own.',
  },
  COST_BELOW_FLOOR: {
    meaning: 'The service reported a cost below half of the price of a solve; half of the price is counted.',
    remedy:
      "If the cost is right, correct the solver's `pricing` or set its `trustCost: true`; otherwise check the service.",
  },
  SECRET_STALE: {
    meaning: 'The secrets store does not answer; a cached key is in use for a limited time.',
    remedy: 'Check the secrets store.',
  },
  KEY_DUE: {
    meaning: 'The key is older than `policy.key.rotateEvery`.',
    remedy: 'Rotate it: create a new key at the service and put it into the secrets store.',
  },
  KEY_UNUSUAL: {
    meaning: 'The key does not look like a key of the service that it is sent to.',
    remedy: "Check that the secrets store has the key of that service's account, whole and without anything else.",
  },
  KEY_REVOCABLE: {
    meaning: 'An old key is no longer used: unused for 24 hours, no solve under way, every process on another key.',
    remedy: 'Revoke it at the service, and remove it from the secrets store.',
  },
} as const satisfies Record<string, CodeInfo>

/** A stable code, part of the public interface. */
export type Code = keyof typeof CODES

const DOCS = 'https://github.com/solveguard/solveguard/blob/main/docs/errors.md#'

const PAGES = Object.fromEntries(Object.keys(CODES).map((code) => [code, DOCS + code.toLowerCase()]))

/** The page that explains a code. */
export function docsOf(code: Code): string {
  return PAGES[code] as string
}

/** Optional parts of an error. */
export interface ErrorDetails {
  /** When to try again. @default not known */
  retryAt?: Date | undefined
  /** The error that caused this one. Must never hold a key or a solution. @default none */
  cause?: unknown
  /** Further facts, safe to print (the solver's own code, a path, an amount). @default none */
  details?: Readonly<Record<string, string | number | boolean>> | undefined
}

/** What a stack is formatted of: the name and the message for its first line; the engine adds the frames. */
interface Trace {
  readonly name: string
  readonly message: string
  readonly stack?: string
}

/** Sets how many frames the next error has, and returns how many it would have had. */
function setFrames(count: number): number {
  const before = Error.stackTraceLimit
  // With frozen intrinsics it cannot be set: then frames are collected once more than needed.
  Reflect.set(Error, 'stackTraceLimit', count)
  return before
}

/**
 * Every error of solveguard. `code` is stable; `message` says what happened and what to do. What is printed begins with
 * the code and ends with the address of its documentation; so does the stack, which is what most tools print.
 *
 * @example
 * try { await guard.solve(challenge) } catch (error) {
 *   if (error instanceof SolveguardError) console.log(error.code, error.retryAt, error.docs)
 * }
 */
export class SolveguardError extends Error {
  // Fields that have no value are not set: an error is printed with all that are.
  /** The stable code. */
  declare readonly code: Code
  /** The layer that denied; undefined for errors that are not denials. */
  declare readonly layer: Layer | undefined
  /** When to try again, where that is known. */
  declare readonly retryAt: Date | undefined
  /** Further facts, safe to print. Amounts are in micro-dollars, except those whose names end with `Usd`. */
  declare readonly details: Readonly<Record<string, string | number | boolean>> | undefined
  /** The page that explains the code. */
  declare readonly docs: string

  /** V8 formats a stack when it is first read, with the error's name: a name with the code is another object's. */
  readonly #trace: Trace

  static readonly #stack: PropertyDescriptor & ThisType<SolveguardError> = {
    configurable: true,
    get() {
      // An object that only inherits from an error has its stack.
      return #trace in this ? this.#trace.stack : Reflect.get(Object.getPrototypeOf(this), 'stack')
    },
    set(value: unknown) {
      Object.defineProperty(this, 'stack', { value, writable: true, configurable: true })
    },
  }

  constructor(code: Code, message: string, more: ErrorDetails = {}) {
    const frames = setFrames(0)
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    setFrames(frames)
    this.code = code
    this.#trace = { name: `${this.kind} [${code}]`, message }
    Error.captureStackTrace(this.#trace, new.target)
    Object.defineProperty(this, 'stack', SolveguardError.#stack)
    const { layer } = CODES[code] as CodeInfo
    if (layer !== undefined) this.layer = layer
    if (more.retryAt !== undefined) this.retryAt = more.retryAt
    if (more.details !== undefined) this.details = more.details
    this.docs = docsOf(code)
  }

  /** `SolveguardError` or `DeniedError`. */
  override get name(): string {
    return this.kind
  }

  /** `SolveguardError`. */
  protected get kind(): string {
    return 'SolveguardError'
  }

  /** The error for logs and JSON output: without its cause and its stack. */
  toJSON(): Record<string, unknown> {
    return {
      name: this.kind,
      code: this.code,
      layer: this.layer,
      retryAt: this.retryAt?.toISOString(),
      message: this.message,
      details: this.details,
      docs: this.docs,
    }
  }
}

/** A solve that a layer did not allow. Nothing was sent and nothing was spent. */
export class DeniedError extends SolveguardError {
  /** The layer that denied. */
  declare readonly layer: Layer

  /** `DeniedError`. */
  protected override get kind(): string {
    return 'DeniedError'
  }
}

/** The message of an unknown thrown value, clipped and printable. Never throws, whatever was thrown. */
export function messageOf(error: unknown): string {
  try {
    return printable(String(error instanceof Error ? error.message : error), 300)
  } catch {
    return 'unknown error'
  }
}

/**
 * `text` with control characters, line separators and bidirectional marks replaced, clipped to `max` characters and an
 * ellipsis: safe for a log line or a terminal.
 */
export function printable(text: string, max = 200): string {
  // Does not clip between the two units of a surrogate pair.
  const clipped = text.length > max ? `${text.slice(0, max).replace(/[\ud800-\udbff]$/, '')}…` : text
  return clipped.replace(UNPRINTABLE, '\u00b7')
}

const UNPRINTABLE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: replacing them is the purpose
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g
