import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { median } from './median.js'
import type { BenchRow } from './row.js'

const ROUNDS = 15

/** What `--require solveguard/register` adds to the start of a process that calls no service. */
export async function registerBench(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'register-bench-'))
  try {
    mkdirSync(join(folder, 'node_modules'))
    for (const name of ['undici', 'zod', 'luxon', 'socks', 'tldts', 'libsql', 'jose']) {
      symlinkSync(resolve('node_modules', name), join(folder, 'node_modules', name), 'junction')
    }
    // In a process of its own: this one is a bundle, which does not know where the project is.
    const script = `import('${pathToFileURL(resolve('scripts/compile.mjs')).href}')
      .then(({ compile }) => compile(${JSON.stringify(join(folder, 'dist'))}, ['intercept/register'], ''))`
    execFileSync(process.execPath, ['--eval', script])
    const app = join(folder, 'app.cjs')
    writeFileSync(app, 'const { user, system } = process.cpuUsage()\nconsole.log((user + system) / 1000)\n')
    const plain: number[] = []
    const registered: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      plain.push(start([app]))
      registered.push(start(['--require', join(folder, 'dist/intercept/register.js'), app]))
    }
    const baseline = median(plain)
    const value = median(registered) - baseline
    const against = 'a bare start'
    return [
      { name: 'register at start', value, unit: 'ms', against, baseline, target: '≤ 60 ms added', ok: value <= 60 },
    ]
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The processor time of a process, in ms: a start waits for nothing else, and a busy machine changes it the least. */
function start(args: readonly string[]): number {
  return Number(execFileSync(process.execPath, args, { encoding: 'utf8' }))
}
