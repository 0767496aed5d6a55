import { setTimeout as sleep } from 'node:timers/promises'

/** The middle of some numbers. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}

/** How `mediansByTurns` goes about it. */
interface Turns {
  readonly rounds?: number
  /** How often each is done in a round. */
  readonly calls?: number
  /** How long to wait before each, as whoever has other things to do. */
  readonly pauseMs?: number
}

/** The median time that each takes, in microseconds, measured by turns so that what disturbs one disturbs all. */
export async function mediansByTurns(
  works: readonly (() => unknown)[],
  { rounds = 40, calls = 200, pauseMs = 0 }: Turns = {},
): Promise<number[]> {
  const samples = works.map((): number[] => [])
  for (let round = -2; round < rounds; round++) {
    for (const [i, work] of works.entries()) {
      for (let call = 0; call < calls; call++) {
        if (pauseMs > 0) await sleep(pauseMs)
        const began = process.hrtime.bigint()
        const done = work()
        if (done instanceof Promise) await done
        if (round >= 0) samples[i]?.push(Number(process.hrtime.bigint() - began) / 1e3)
      }
    }
  }
  return samples.map(median)
}
