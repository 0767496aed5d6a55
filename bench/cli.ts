import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { median } from './median.js'
import type { BenchRow } from './row.js'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const ROUNDS = 31

/**
 * How long `solveguard --version` takes, against a Node that does nothing: scripts ask for it often. By turns, so that
 * a disturbance affects both. The built package.
 */
export async function cliBench(): Promise<BenchRow[]> {
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: ROOT, stdio: 'ignore' })
  const rows: [string, readonly string[], number | undefined][] = [
    ['solveguard --version', ['dist/cli/main.js', '--version'], 1.5],
    ['solveguard --help', ['dist/cli/main.js', '--help'], undefined],
  ]
  return rows.map(([name, args, most]) => {
    const [ours, bare]: [number[], number[]] = [[], []]
    for (let round = -2; round < ROUNDS; round++) {
      const [one, other] = [timeOf(args), timeOf(['-e', '0'])]
      if (round < 0) continue
      ours.push(one)
      bare.push(other)
    }
    const [value, baseline] = [median(ours), median(bare)]
    const ratio = value / baseline
    const target = most === undefined ? {} : { target: `≤ ${most} ×`, ok: ratio <= most }
    return { name, value, unit: 'ms', against: 'node -e 0', baseline, ratio, ...target }
  })
}

/** How long a new process takes, ms. */
function timeOf(args: readonly string[]): number {
  const start = performance.now()
  execFileSync(process.execPath, [...args], { cwd: ROOT, stdio: 'ignore' })
  return performance.now() - start
}
