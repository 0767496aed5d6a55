/** What the report reads of a record. Texts are cut, and not yet printable. */
export interface RecordFacts {
  /** Wall-clock ms. */
  readonly at: number
  readonly action: string
  readonly failed: boolean
  readonly guard: string
  readonly solveId: string
  readonly taskId: string
  readonly subject: string
  readonly origin: string
  readonly family: string
  /** The key's version and fingerprint. */
  readonly key: string
  /** The id of the last link of the token. */
  readonly token: string
  readonly solver: string
  readonly layer: string
  readonly code: string
  readonly message: string
  /** How many denials the record stands for. */
  readonly count: number
  /** Micro-dollars; undefined where the record has none. */
  readonly reserved: number | undefined
  /** Micro-dollars; undefined where the record has none. */
  readonly cost: number | undefined
  readonly imputed: boolean
  /** Undefined where the record has none. */
  readonly durationMs: number | undefined
}

/** No name is longer in a record: a longer one is from a line that this package did not write. */
const MAX_TEXT = 200
const MAX_MESSAGE = 500
/** A million dollars: no solve costs more. */
const MAX_MICROS = 1e12
const MAX_COUNT = 1e9

/** A record in a line, or undefined where that is none. */
export function readFacts(line: Buffer): RecordFacts | undefined {
  let record: unknown
  try {
    record = JSON.parse(line.toString())
  } catch {
    return undefined
  }
  const event = at(record, 'event')
  const ours = at(record, 'solveguard')
  const action = text(at(event, 'action'))
  const time = Date.parse(text(at(record, '@timestamp')))
  if (action === '' || Number.isNaN(time)) return undefined
  const error = at(record, 'error')
  const key = at(ours, 'key')
  const version = text(at(key, 'version'))
  const fingerprint = text(at(key, 'fingerprint'))
  const duration = at(event, 'duration')
  return {
    at: time,
    action,
    failed: at(event, 'outcome') === 'failure',
    guard: text(at(at(record, 'service'), 'name')),
    solveId: text(at(ours, 'solve_id')),
    taskId: text(at(ours, 'task_id')),
    subject: text(at(at(record, 'user'), 'name')),
    origin: originOf(at(record, 'url')),
    family: text(at(at(ours, 'challenge'), 'family')),
    key: version === '' && fingerprint === '' ? '' : `${version} (${fingerprint.slice(0, 8)})`,
    token: tokenOf(at(ours, 'budgets')),
    solver: text(at(ours, 'solver')),
    layer: text(at(ours, 'layer')),
    code: text(at(error, 'code')) || text(at(event, 'code')),
    message: text(at(event, 'reason'), MAX_MESSAGE) || text(at(error, 'message'), MAX_MESSAGE),
    count: Math.max(1, amount(at(ours, 'count'), MAX_COUNT) ?? 1),
    reserved: amount(at(ours, 'reserved_micros'), MAX_MICROS),
    cost: amount(at(ours, 'cost_micros'), MAX_MICROS),
    imputed: at(ours, 'imputed') === true,
    durationMs: typeof duration === 'number' && duration >= 0 ? duration / 1e6 : undefined,
  }
}

function originOf(url: unknown): string {
  const scheme = text(at(url, 'scheme'))
  const domain = text(at(url, 'domain'))
  if (domain === '') return scheme === '' ? '' : `${scheme}:`
  const port = at(url, 'port')
  return `${scheme}://${domain}${typeof port === 'number' ? `:${port}` : ''}`
}

/** A link of a token is a budget of its own: `guard/~id/~id`. */
function tokenOf(budgets: unknown): string {
  if (!Array.isArray(budgets)) return ''
  let token = ''
  for (let i = 0; i < budgets.length && i < 32; i++) {
    const link = text(budgets[i]).split('/').at(-1)
    if (link?.startsWith('~')) token = link.slice(1)
  }
  return token
}

function text(value: unknown, max = MAX_TEXT): string {
  if (typeof value !== 'string') return ''
  return value.length > max ? `${value.slice(0, max)}…` : value
}

function amount(value: unknown, max: number): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? Math.min(value, max) : undefined
}

function at(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined
}
