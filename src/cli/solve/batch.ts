import { once } from 'node:events'
import type { ChallengeInput } from '../../base/challenge.js'
import type { Grant, StreamOptions } from '../../guard/types.js'
import type { CommandContext } from '../context.js'
import { exitCodeOf } from '../exit-codes.js'
import { failureOf } from '../failure.js'
import { readJsonLines } from './lines.js'
import { solutionJson } from './result.js'

/**
 * Solves the challenges of standard input, a JSON object a line, and writes a line for each as soon as it has ended.
 * No more is read than is being solved, and nothing is solved whose result is not read.
 *
 * @returns the exit code: that of the errors if all have the same one
 */
export async function solveLines(
  context: CommandContext,
  grant: Pick<Grant, 'stream'>,
  shown: boolean,
  options: Pick<StreamOptions, 'batch' | 'concurrency'>,
): Promise<number> {
  const { signal, stdout } = context
  const input = context.stdin()
  const exitCodes = new Set<number>()
  /** By the position in the stream: the number of the line. */
  const lines = new Map<number, number>()

  const stop = (): void => void input.destroy()
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()

  async function write(value: object): Promise<void> {
    const isRead = stdout.write(`${JSON.stringify(value)}\n`)
    if (!isRead && !signal.aborted) await once(stdout, 'drain', { signal }).catch(() => {})
  }

  async function report(line: number, error: unknown): Promise<void> {
    const failure = failureOf(error)
    exitCodes.add(exitCodeOf(failure.code) ?? 1)
    await write({ line, ok: false, error: failure })
  }

  async function* challenges(): AsyncGenerator<ChallengeInput, void, undefined> {
    let index = 0
    try {
      for await (const read of readJsonLines(input)) {
        if (read.error) {
          await report(read.line, read.error)
          continue
        }
        lines.set(index++, read.line)
        // The guard checks each field.
        yield read.value as ChallengeInput
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  try {
    await grant.stream(challenges(), { ...options, signal }).forEach(async (result) => {
      const line = lines.get(result.index) ?? 0
      lines.delete(result.index)
      if (result.ok) await write({ line, ...solutionJson(result.solution, shown) })
      else await report(line, result.error)
    })
  } finally {
    signal.removeEventListener('abort', stop)
  }
  signal.throwIfAborted()
  const [only = 0, ...others] = exitCodes
  return others.length > 0 ? 1 : only
}
