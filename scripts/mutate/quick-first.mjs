import { inject } from 'vitest'
import { VitestTestRunner } from 'vitest/runners'

// A run of `npm run mutate` ends at the first test that fails, so slow tests (properties, most of them) are the last of
// their file. scripts/mutate/vitest.config.mjs measures them in the first run, of the source without a mutant.

/** What takes less keeps its place. */
const SLOW_MS = 200

/** @typedef {import('vitest').RunnerTask} Task */

export default class QuickFirst extends VitestTestRunner {
  /** @param {import('vitest').RunnerTestFile[]} files */
  onCollected(files) {
    const measured = inject('durations')
    if (measured !== undefined) for (const { tasks } of files) sort(tasks, measured)
  }
}

/**
 * @param {Task[]} tasks
 * @param {Readonly<Record<string, number>>} measured
 */
function sort(tasks, measured) {
  for (const task of tasks) if ('tasks' in task) sort(task.tasks, measured)
  const slowness = new Map(tasks.map((task) => [task, durationOf(task, measured)]))
  const rank = (/** @type {Task} */ task) => {
    const duration = slowness.get(task) ?? 0
    return duration < SLOW_MS ? 0 : duration
  }
  tasks.sort((a, b) => rank(a) - rank(b))
}

/**
 * @param {Task} task
 * @param {Readonly<Record<string, number>>} measured
 * @returns {number}
 */
function durationOf(task, measured) {
  if (task.mode === 'skip') return 0
  if (!('tasks' in task)) return measured[task.id] ?? 0
  return task.tasks.reduce((sum, part) => sum + durationOf(part, measured), 0)
}
