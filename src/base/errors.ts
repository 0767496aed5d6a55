/**
 * One family of errors for the whole library. Every error, a denial included, has a stable `code`, a sentence that a
 * person can act on, and the address of the page that explains the code. The table below is the only list of codes:
 * `docs/errors.md` is checked against it.
 */

/** The layer that answered, in the order in which the gate asks them. */
export type Layer = 'origin' | 'time' | 'secret' | 'network' | 'spending' | 'audit'

/** What the library says about a code, wherever it is raised. */
export interface CodeInfo {
  /** The layer that denies with this code; absent for codes that are not denials. */
  readonly layer?: Layer
  /** What the code means, in one sentence. */
  readonly meaning: string
  /** What a person can do about it, in one sentence. */
  readonly remedy: string
}

/** Every code there is. A code is never renamed or given another meaning; codes are only added. */
export const CODES = {
  // Denials, by layer.
  ORIGIN_NOT_NAMED: {
    layer: 'origin',
    meaning: 'The page, or the frame that the widget stands in, has an origin that the policy does not name.',
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
  SECRET_MISSING: {
    layer: 'secret',
    meaning: 'The secret provider has no key under the name it was given.',
    remedy: 'Put the key where the message says.',
  },
  SECRET_UNSAFE: {
    layer: 'secret',
    meaning: 'The key is kept where others may read it.',
    remedy: 'Restrict the permissions as the message says.',
  },
  SECRET_INVALID: {
    layer: 'secret',
    meaning: 'What the secret provider gave cannot be a key (empty, too long, or with control characters in it).',
    remedy: 'Look at what is stored under that name.',
  },
  SECRET_DENIED: {
    layer: 'secret',
    meaning: 'The secrets store does not let us read the key.',
    remedy: 'Give the login that the message names leave to read it, or log in as somebody who has it.',
  },
  KEY_OF_ANOTHER_ENVIRONMENT: {
    layer: 'secret',
    meaning: 'The ledger knows the key as that of another environment.',
    remedy: 'Give each environment a key of its own, or name the other one in `sharedWith`.',
  },
  SECRET_UNAVAILABLE: {
    layer: 'secret',
    meaning: 'The secret provider did not answer, and no cached key is fresh enough.',
    remedy: 'Look at the secrets store; solves go on as soon as it answers.',
  },
  EGRESS_CONFLICT: {
    layer: 'network',
    meaning: 'Two policies on the path each require another way out to the network.',
    remedy: 'Set `policy.egress` in one place, or to the same values.',
  },
  EGRESS_ADDRESS: {
    layer: 'network',
    meaning: 'Our calls leave from an address that `policy.egress.expectIp` does not have.',
    remedy: 'Mend the way out, or name that address.',
  },
  EGRESS_UNVERIFIED: {
    layer: 'network',
    meaning: 'Which address our calls leave from could not be found out.',
    remedy: 'Look at `policy.egress.ipCheckUrl`, and whether it can be reached by the way out that the policy has.',
  },
  PAGE_PROXY_CONFLICT: {
    layer: 'network',
    meaning: 'Two policies on the path each have pages browsed through another proxy.',
    remedy: 'Set `policy.pageProxy` in one place, or to the same proxy.',
  },
  BUDGET_EXHAUSTED: {
    layer: 'spending',
    meaning: 'The solve would go over an amount of money that a budget on its path allows in a day.',
    remedy: 'Try again at `retryAt`, or raise `policy.budget.perDay`.',
  },
  RATE_EXCEEDED: {
    layer: 'spending',
    meaning: 'The solve would go over `policy.budget.perMinute`.',
    remedy: 'Try again at `retryAt`, or set `policy.budget.wait` to have solves queue.',
  },
  SLOTS_FULL: {
    layer: 'spending',
    meaning: 'As many solves are under way as `policy.budget.concurrent` allows.',
    remedy: 'Try again when one has ended, or set `policy.budget.wait` to have solves queue.',
  },
  PAGE_LIMIT_REACHED: {
    layer: 'spending',
    meaning: 'As many solves were spent on this load of the page, or are under way, as `policy.budget.perPage` allows.',
    remedy: 'Look at what the page keeps asking for, or raise `policy.budget.perPage`.',
  },
  PRICE_TOO_HIGH: {
    layer: 'spending',
    meaning: 'One solve of this kind may cost more than `policy.budget.perSolve` allows.',
    remedy: "Raise `policy.budget.perSolve`, or correct the solver's `pricing`.",
  },
  GUARD_PAUSED: {
    layer: 'spending',
    meaning: 'The guard is paused; the message carries the reason.',
    remedy: 'Mend the cause, then call `guard.resume()`.',
  },
  LEDGER_UNAVAILABLE: {
    layer: 'spending',
    meaning: 'The ledger could not be read or written, so nothing may be spent.',
    remedy: 'Make the ledger reachable and writable.',
  },
  LEDGER_UNSAFE: {
    layer: 'spending',
    meaning: 'The ledger lies where what was spent may be thrown away.',
    remedy: 'Set up its server as the message says.',
  },
  AUDIT_UNAVAILABLE: {
    layer: 'audit',
    meaning: 'The audit record could not be written, so nothing may be spent.',
    remedy: 'Make the audit log writable (disk space, permissions).',
  },

  // The caller's side.
  CONFIG_INVALID: {
    meaning: 'An option or a policy is not of the shape it has to be.',
    remedy: 'Correct the field that the message names.',
  },
  CHALLENGE_INVALID: {
    meaning: 'The challenge is not of the shape it has to be (a page may have lied about it).',
    remedy: 'Look at the field that the message names.',
  },
  TEST_KEY_BLOCKS: {
    meaning: 'The sitekey is one that its vendor publishes to fail: whoever uses it wants the failure.',
    remedy:
      "Let it block, use the vendor's passing test key, or ask the service all the same with `policy.testKeys: 'solve'`.",
  },
  FAMILY_UNSUPPORTED: {
    meaning: 'The solver cannot do this family or variant of CAPTCHA.',
    remedy: 'Use a solver that can.',
  },
  PAGE_PROXY_UNSUPPORTED: {
    meaning: 'The solver cannot solve this kind of CAPTCHA through the proxy in `policy.pageProxy`.',
    remedy: 'Use a solver that can, or do without `policy.pageProxy` if the site takes a token from another address.',
  },
  BATCH_UNDER_WAY: {
    meaning: 'Another process is at work on the batch of that name.',
    remedy: 'Let it end, or give this batch another name.',
  },
  GUARD_CLOSED: { meaning: 'The guard was closed.', remedy: 'Create a new guard, or close it later.' },
  SOLVE_ABORTED: {
    meaning: 'The caller aborted the solve through its signal.',
    remedy: 'Nothing to do: what the service may charge for it stays accounted for.',
  },
  SOLVE_TIMEOUT: {
    meaning: 'The solve did not end within `policy.deadline`.',
    remedy: 'Try again, or allow more time.',
  },

  // The service's side.
  CAPTCHA_UNSOLVABLE: {
    meaning: 'The service gave up on this task.',
    remedy: 'Try again; allow more `policy.attempts` to have that done for you.',
  },
  SOLVER_BUSY: {
    meaning: 'The service had no free slot, or was unavailable, until the deadline of the solve.',
    remedy: 'Try again later, or with fewer solves at a time.',
  },
  SOLVER_UNREACHABLE: {
    meaning: 'No usable connection to the service, or no reply in time.',
    remedy: 'Look at the network, and at the proxy in `policy.egress` if there is one.',
  },
  SOLVER_REPLY_INVALID: {
    meaning: "The service's reply could not be read (HTML, empty, cut off, of the wrong type, or far too long).",
    remedy: 'Check `baseUrl`; if it is right, the service is in trouble: try again later.',
  },
  SOLVER_REFUSED: {
    meaning: 'The service says that the request itself is wrong.',
    remedy: "Compare the sitekey and the page's address with what the page shows.",
  },
  PAGE_PROXY_FAILED: {
    meaning: 'The service could not solve through the proxy in `policy.pageProxy`.',
    remedy:
      'Look at that proxy, as the message says: the service has to reach it and log in to it, from its own addresses.',
  },
  SOLVER_ERROR: {
    meaning: 'The service answered with an error that is not in our table; the message carries it.',
    remedy: "Look the code up in the service's documentation.",
  },
  KEY_REFUSED: {
    meaning: 'The service does not accept the key. The guard is paused.',
    remedy: 'Put a valid key into the secrets store, then call `guard.resume()`.',
  },
  ADDRESS_REFUSED: {
    meaning: 'The service does not accept calls from the address that we leave from. The guard is paused.',
    remedy: "White-list the address in the service's settings, then call `guard.resume()`.",
  },
  BALANCE_EMPTY: {
    meaning: "The account's balance is used up. The guard is paused.",
    remedy: 'Top the account up, then call `guard.resume()`.',
  },

  // The page's side.
  PAGE_GONE: {
    meaning: 'The page or frame navigated, or was closed, while a solve was under way; the money is accounted for.',
    remedy: 'Solve before you leave the page, and wait for the solve to end.',
  },
  PAGE_UNRESPONSIVE: {
    meaning: 'The page did not answer in time.',
    remedy: 'Look at what keeps the page busy; the message says so if a solution was already paid for.',
  },
  WIDGET_GONE: {
    meaning: 'The widget is no longer in the page, or refused the solution.',
    remedy: 'Find it again: pages may remove and draw widgets anew.',
  },
  WAIT_TIMEOUT: {
    meaning: 'No widget came up in the page within the time that it was waited for.',
    remedy: 'Wait for longer, or look at what the page does; `captcha.find` tells what is there.',
  },
  WIDGET_FAILED: {
    meaning: 'A widget that has the browser work out its answer (ALTCHA, Cap) came to none.',
    remedy: "Look at the site's own endpoints for that widget; the message carries what it says.",
  },

  // Alerts only (never thrown).
  BUDGET_THRESHOLD: {
    meaning: 'A threshold in `policy.budget.alertsAt` was crossed.',
    remedy: 'Nothing, if expected.',
  },
  KEY_LEAK_SUSPECTED: {
    meaning: "More of the service's balance is gone than was spent here: somebody else may be using the key.",
    remedy:
      'Revoke the key at the service and put a new one into the secrets store; if the key is meant to be shared, say `sharedKey: true`.',
  },
  ALERT_UNDELIVERED: {
    meaning: 'Alerts cannot be delivered to one of the places that `alerts` names, or are delivered again.',
    remedy: 'Look at the place that the message names.',
  },
  PAGE_DRAIN_SUSPECTED: {
    meaning: 'One load of a page puts up more challenges than its budget allows.',
    remedy: 'Look at that page: it may be broken, or after your money. What it asked for beyond the limits was denied.',
  },
  AUDIT_COPY_BEHIND: {
    meaning: 'A copy of the audit log cannot be written, or is written again.',
    remedy: 'Look at the place that it is written to.',
  },
  LIMITS_DIFFER: {
    meaning: 'Two guards of one name have different limits; the tighter of each holds for both.',
    remedy: 'Give both the same `policy.budget`, or different names.',
  },
  PRICE_ABOVE_RESERVED: {
    meaning: 'The service charged more than the upper price that was reserved.',
    remedy: "Correct the solver's `pricing`.",
  },
  SECRET_STALE: {
    meaning: 'The secrets store does not answer; a cached key is in use for a limited time.',
    remedy: 'Look at the secrets store.',
  },
  KEY_DUE: {
    meaning: 'The key is older than `policy.key.rotateEvery`.',
    remedy: 'Rotate it: create a new key at the service and put it into the secrets store.',
  },
  KEY_REVOCABLE: {
    meaning:
      'An old key is no longer used by anybody: unused for 24 hours, nothing under way, every process on another one.',
    remedy: 'Revoke it at the service, and take it out of the secrets store.',
  },
} as const satisfies Record<string, CodeInfo>

/** A stable code, part of the public interface. */
export type Code = keyof typeof CODES

const DOCS = 'https://github.com/solveguard/solveguard/blob/main/docs/errors.md#'

/** The page that explains a code. */
export function docsOf(code: Code): string {
  return DOCS + code.toLowerCase()
}

/** What an error may carry besides its code and message. */
export interface ErrorDetails {
  /** When it is worth trying again, if that is known. */
  retryAt?: Date
  /** The error underneath. Must never hold a key or a solution. */
  cause?: unknown
  /** Further facts, safe to print (the solver's own code, a path, an amount). */
  details?: Readonly<Record<string, string | number | boolean>>
}

/**
 * Anything that goes wrong in solveguard.
 *
 * @example
 * try { await guard.solve(challenge) } catch (error) {
 *   if (error instanceof SolveguardError) console.log(error.code, error.retryAt, error.docs)
 * }
 */
export class SolveguardError extends Error {
  /** The stable code. */
  readonly code: Code
  /** The layer that denied, for denials. */
  readonly layer: Layer | undefined
  /** When it is worth trying again, if that is known. */
  readonly retryAt: Date | undefined
  /** Further facts, safe to print. */
  readonly details: Readonly<Record<string, string | number | boolean>> | undefined

  constructor(code: Code, message: string, more: ErrorDetails = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    this.code = code
    this.layer = (CODES[code] as CodeInfo).layer
    this.retryAt = more.retryAt
    this.details = more.details
  }

  /** The page that explains this code. */
  get docs(): string {
    return docsOf(this.code)
  }

  override get name(): string {
    return 'SolveguardError'
  }

  /** What goes into logs and `--json` output. */
  toJSON(): Record<string, unknown> {
    return {
      name: this.name,
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
  declare readonly layer: Layer

  override get name(): string {
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
 * `text` with control characters, line separators and marks that turn the direction of writing replaced, and no longer
 * than `max` (and an ellipsis): safe for a log line or a terminal.
 */
export function printable(text: string, max = 200): string {
  // Not clipped in the middle of a character that takes two units.
  const clipped = text.length > max ? `${text.slice(0, max).replace(/[\ud800-\udbff]$/, '')}…` : text
  return clipped.replace(UNPRINTABLE, '\u00b7')
}

const UNPRINTABLE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: taking them out is the point
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g
