// What `npm run mutate` changes, piece by piece. A piece is files of the source, and the tests that have to notice each
// change of them: their own, and only fast ones.

/** Of the mutants of a piece, how many its tests have to notice, in percent. */
export const MIN_SCORE = 90

/** @typedef {{ name: string, files: string[], tests: string[] }} Piece */

/** @type {readonly Piece[]} */
export const PIECES = [
  piece('policy: values', 'policy', ['money', 'duration', 'calendar', 'page-proxy', 'origin']),
  piece('policy: schedules', 'policy', ['schedule']),
  piece('policy: schema', 'policy', ['schema']),
  piece('policy: narrowing', 'policy', ['narrow']),
  piece('service replies', 'solvers', ['reply', 'amounts', 'answers', 'form-family', 'task-family', 'errors']),
  piece(
    'spending',
    'guard/spending',
    ['budgets', 'page-limits', 'remote-queues', 'wait-queue'],
    ['budgets', 'page-counts', 'remote-queues', 'waiters'],
  ),
  piece('gate', 'guard/admission', ['gate']),
  piece('gate: challenges', 'guard/admission', ['names', 'parse-challenge'], ['parse-challenge']),
]

/**
 * Files of one folder, and tests of the folder beside it that has the same name.
 * @param {string} name
 * @param {string} folder
 * @param {string[]} files
 * @param {string[]} tests
 * @returns {Piece}
 */
function piece(name, folder, files, tests = files) {
  return {
    name,
    files: files.map((file) => `src/${folder}/${file}.ts`),
    tests: tests.map((test) => `test/${folder}/${test}.test.ts`),
  }
}
