// What `npm run mutate` changes, piece by piece. A piece is files of the source, and the tests that have to notice each
// change of them: their own, and only fast ones, the fastest first.
import { readdirSync } from 'node:fs'
import { root } from '../setup.mjs'

/** Of the mutants of a piece, how many its tests have to notice, in percent. */
export const MIN_SCORE = 90

/** Files that are not mutated, and why. */
const NOT_MUTATED = new Map([
  ['index', 'It only exports.'],
  ['grant-context', 'It has types only.'],
  ['ledger', 'It has types only.'],
  ['sink', 'It has types only.'],
  ['redis', 'Its tests need a server, and most of it is Lua, which Stryker does not read.'],
  ['stdout', 'Its tests need a process.'],
  ['types', 'It has types only.'],
  ['private-ca', 'Its tests need a process.'],
  ['own-sockets', 'Its tests need a process.'],
])

/** Stands for every file of the folder that no other piece has. */
const OTHERS = '*'

/** @typedef {{ name: string, files: string[], tests: string[] }} Piece */

/** @type {readonly Piece[]} */
export const PIECES = [
  ...pieces('policy', {
    'policy: values': {
      files: [OTHERS],
      tests: ['format-time', 'money', 'duration', 'page-proxy', 'origin', 'calendar'],
    },
    'policy: schedules': { files: ['schedule'], tests: ['schedule'] },
    'policy: schema': { files: ['schema', 'shapes'], tests: ['schema'] },
    'policy: narrowing': { files: ['narrow', 'widened'], tests: ['widened', 'narrow'] },
  }),
  ...pieces('guard/admission', {
    gate: { files: ['gate'], tests: ['gate'] },
    'gate: challenges': { files: [OTHERS], tests: ['parse-challenge'] },
  }),
  ...pieces('guard/spending', {
    spending: {
      files: [OTHERS],
      tests: ['stops', 'meter', 'page-counts', 'waiters', 'remote-queues', 'budgets'],
    },
  }),
  ...pieces('tokens', {
    tokens: { files: [OTHERS], tests: ['keys', 'tokens', '../guard/tokens/tokens', '../guard/remote/light'] },
  }),
  ...pieces('guard/tokens', {
    'tokens: in a guard': {
      files: [OTHERS],
      tests: ['recent-map', 'revocations', 'purposes', 'pausing', 'tokens', '../broker/tokens', '../broker/tasks'],
    },
  }),
  ...pieces('broker', {
    'broker: requests': {
      files: ['auth', 'denials', 'dialects', 'forwarded', 'handler', 'read-request', 'wires'],
      tests: ['denials', 'form', 'token-wire', 'tokens', 'fuzz'],
    },
    'broker: tasks': {
      files: ['tasks', 'shared-tasks', 'deliveries'],
      tests: ['tasks', 'form', 'several', 'client-callbacks', 'service-callbacks'],
    },
    'broker: proxy': { files: ['proxy', 'reach'], tests: ['proxy'] },
    'broker: server': { files: [OTHERS], tests: ['admin', 'server', 'tokens'] },
  }),
  ...pieces('solvers', {
    'service replies': {
      files: ['reply', 'amounts', 'answers', 'form-family', 'task-family', 'errors'],
      tests: ['reply', 'amounts', 'answers', 'form-family', 'task-family', 'errors', 'refusals'],
    },
  }),
  ...pieces('net', {
    'egress: routes': { files: [OTHERS], tests: ['../egress/address', 'route', 'tls'] },
    'egress: certificates': { files: ['certificates'], tests: ['certificates'] },
  }),
  ...pieces('egress', {
    'egress: calls': {
      files: [OTHERS],
      tests: [
        'body',
        'service-time',
        'address',
        'direct',
        'har',
        'ip-check',
        '../net/route',
        '../alerts/webhook',
        '../guard/observability/wire-log',
      ],
    },
    'egress: tokens': {
      files: ['bearer', 'token-signature'],
      tests: ['bearer', '../tokens/tokens', '../net/tls', '../guard/remote/light'],
    },
    'egress: address check': { files: ['ip-check'], tests: ['ip-check'] },
    'egress: wire log': {
      files: ['har', 'har-masks', 'key-mask', 'parts-mask', 'wire-log'],
      tests: ['har-masks', 'har-entry', 'key-mask', 'har'],
    },
  }),
  ...pieces('ledger', {
    'ledger: state': {
      files: ['windows', 'facts', 'checks', 'time', 'budget-state', 'state', 'memory'],
      tests: ['windows', 'facts', 'time', 'doubt', 'state', 'clocks', 'memory'],
    },
    'ledger: file': { files: [OTHERS], tests: ['database-file', 'entries', 'clocks', 'open', 'file'] },
  }),
  ...pieces('audit', {
    'audit: records': {
      files: ['record', 'schema', 'denials', 'copy', 'fan-out', 'function', 'keys', 'errors', 'spent'],
      tests: ['spent', 'record', 'denials', 'copy', 'function', 'keys', 'sinks'],
    },
    'audit: chain': { files: [OTHERS], tests: ['key', 'jsonl', 'verify', 'sinks', 'archive'] },
    'audit: archive': { files: ['archive', 'files', 'read-lines'], tests: ['files', 'archive'] },
    'audit: Elasticsearch': { files: ['elasticsearch'], tests: ['elasticsearch', '../net/tls'] },
  }),
]

/**
 * Pieces of one folder, with tests of the folder beside it.
 * @param {string} folder
 * @param {Record<string, { files: string[], tests: string[] }>} names
 * @returns {Piece[]}
 */
function pieces(folder, names) {
  const named = Object.values(names).flatMap(({ files }) => files)
  const others = readdirSync(`${root}src/${folder}`, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name.replace(/\.ts$/, ''))
    .filter((file) => !named.includes(file) && !NOT_MUTATED.has(file))
  return Object.entries(names).map(([name, { files, tests }]) => ({
    name,
    files: files.flatMap((file) => (file === OTHERS ? others : file)).map((file) => `src/${folder}/${file}.ts`),
    tests: tests.map((test) => `test/${test.startsWith('../') ? test.slice(3) : `${folder}/${test}`}.test.ts`),
  }))
}
