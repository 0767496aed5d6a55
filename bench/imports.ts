import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { median } from './median.js'
import type { BenchRow } from './row.js'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const ROUNDS = 21
const OURS = ['solveguard', 'solveguard/playwright']
const PEER = ['puppeteer-extra-plugin-recaptcha']

/**
 * How long an application's imports take, in a process that has loaded nothing yet: the built package, against the peer
 * plugin. By turns, so that a disturbance affects both.
 */
export async function importsBench(): Promise<BenchRow[]> {
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: ROOT, stdio: 'ignore' })
  const folder = mkdtempSync(join(tmpdir(), 'solveguard-load-'))
  try {
    const modules = join(folder, 'node_modules')
    mkdirSync(join(modules, 'solveguard'), { recursive: true })
    for (const name of ['dist', 'package.json'])
      cpSync(join(ROOT, name), join(modules, 'solveguard', name), { recursive: true })
    for (const name of PEER) symlinkSync(join(ROOT, 'node_modules', name), join(modules, name), 'junction')
    const times: [number[], number[]] = [[], []]
    for (let round = -2; round < ROUNDS; round++) {
      const [ours, peer] = [load(folder, OURS), load(folder, PEER)]
      if (round < 0) continue
      times[0].push(ours)
      times[1].push(peer)
    }
    const [value, baseline] = [median(times[0]), median(times[1])]
    const ratio = value / baseline
    return [
      {
        name: OURS.map((name) => `import('${name}')`).join(' and '),
        value,
        unit: 'ms',
        against: `import('${PEER.join()}')`,
        baseline,
        ratio,
        target: '≤ 1.2 ×',
        ok: ratio <= 1.2,
      },
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** How long a new process takes to import these, ms. */
function load(folder: string, names: readonly string[]): number {
  const imports = names.map((name) => `await import(${JSON.stringify(name)})`).join('\n')
  const script = `const start = performance.now()\n${imports}\nconsole.log(performance.now() - start)`
  const args = ['--input-type=module', '--eval', script]
  return Number(execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8' }))
}
