import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compile } from '../scripts/compile.mjs'
import { root } from '../scripts/setup.mjs'
import { median } from './median.js'
import type { BenchRow } from './row.js'

const ROUNDS = 15

/** What `--require solveguard/register` adds to the start of a process that calls no service. */
export async function registerBench(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'register-bench-'))
  try {
    mkdirSync(join(folder, 'node_modules'))
    for (const name of ['undici', 'zod', 'luxon', 'socks', 'tldts', 'libsql', 'jose']) {
      symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name), 'junction')
    }
    await compile(join(folder, 'dist'), ['intercept/register'], '')
    const app = join(folder, 'app.cjs')
    writeFileSync(app, '')
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

function start(args: readonly string[]): number {
  const from = performance.now()
  execFileSync(process.execPath, args)
  return performance.now() - from
}
