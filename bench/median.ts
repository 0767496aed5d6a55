import { setTimeout as sleep } from 'node:timers/promises'

/** The middle one of the sorted numbers, or the mean of the two middle ones. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}

/** Options of `mediansByTurns`. */
interface Turns {
  /** Default: 40, after two rounds of warm-up. */
  readonly rounds?: number
  /** How often each is called per round. Default: 200. */
  readonly calls?: number
  /** The pause before each call, ms: a process with other work pauses too. Default: 0. */
  readonly pauseMs?: number
}

/** The median time of each, in µs. Measured in turn, so that a disturbance affects all. */
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
