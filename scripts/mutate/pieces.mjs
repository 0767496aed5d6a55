// What `npm run mutate` changes, piece by piece. A piece is files of the source, and the tests that have to notice each
// change of them: their own, and only fast ones, the fastest first.

/** Of the mutants of a piece, how many its tests have to notice, in percent. */
export const MIN_SCORE = 90

/** @typedef {{ name: string, files: string[], tests: string[] }} Piece */

/** @type {readonly Piece[]} */
export const PIECES = [
  ...pieces('policy', {
    'policy: values': { files: ['money', 'duration', 'calendar', 'page-proxy', 'origin'] },
    'policy: schedules': { files: ['schedule'] },
    'policy: schema': { files: ['schema'] },
    'policy: narrowing': { files: ['narrow'] },
  }),
  ...pieces('guard/admission', {
    gate: { files: ['gate'] },
    'gate: challenges': { files: ['names', 'parse-challenge'], tests: ['parse-challenge'] },
  }),
  ...pieces('guard/spending', {
    spending: {
      files: ['budgets', 'page-limits', 'remote-queues', 'wait-queue'],
      tests: ['budgets', 'page-counts', 'remote-queues', 'waiters'],
    },
  }),
  ...pieces('solvers', {
    'service replies': { files: ['reply', 'amounts', 'answers', 'form-family', 'task-family', 'errors'] },
  }),
  ...pieces('net', {
    'egress: routes': {
      files: ['agent', 'connection', 'proxy', 'route', 'socks'],
      tests: ['../egress/address', 'route'],
    },
  }),
  ...pieces('egress', {
    'egress: calls': {
      files: ['body', 'create', 'ephemeral-pool', 'exchange', 'post', 'sign', 'transport'],
      tests: ['body', 'direct', 'address', '../alerts/webhook'],
    },
    'egress: address check': { files: ['ip-check'] },
    'egress: wire log': {
      files: ['har', 'har-masks', 'key-mask', 'parts-mask', 'wire-log'],
      tests: ['har-masks', 'key-mask', 'har'],
    },
  }),
  ...pieces('ledger', {
    'ledger: state': {
      files: ['windows', 'facts', 'checks', 'budget-state', 'state', 'memory'],
      tests: ['windows', 'facts', 'memory'],
    },
    'ledger: file': { files: ['entries', 'journal', 'file'], tests: ['file'] },
  }),
  ...pieces('audit', {
    'audit: records': {
      files: ['record', 'schema', 'denials', 'copy', 'fan-out', 'function', 'keys', 'errors'],
      tests: ['record', 'denials', 'copy', 'sinks', 'keys'],
    },
    'audit: chain': {
      files: ['chain', 'file', 'files', 'jsonl', 'read-lines', 'verify'],
      tests: ['jsonl', 'verify', 'sinks'],
    },
    'audit: Elasticsearch': { files: ['elasticsearch'] },
  }),
]

/** The folders that are mutated whole, except for these files. */
export const WHOLE_FOLDERS = ['policy', 'guard/admission', 'guard/spending', 'net', 'egress', 'ledger', 'audit']

/** @type {Readonly<Record<string, string>>} */
export const NOT_MUTATED = {
  'index.ts': 'It only exports.',
  'src/guard/admission/grant-context.ts': 'It has types only.',
  'src/ledger/ledger.ts': 'It has types only.',
  'src/audit/sink.ts': 'It has types only.',
  'src/ledger/redis.ts': 'Its tests need a server.',
  'src/ledger/redis/': 'Its tests need a server, which runs most of it: its rules are in Lua.',
  'src/audit/stdout.ts': 'Its tests need a process.',
}

/**
 * Pieces of one folder. Their tests, if not named, are those of the same names.
 * @param {string} folder
 * @param {Record<string, { files: string[], tests?: string[] }>} names
 * @returns {Piece[]}
 */
function pieces(folder, names) {
  return Object.entries(names).map(([name, { files, tests = files }]) => ({
    name,
    files: files.map((file) => `src/${folder}/${file}.ts`),
    tests: tests.map((test) => `test/${test.startsWith('../') ? test.slice(3) : `${folder}/${test}`}.test.ts`),
  }))
}
