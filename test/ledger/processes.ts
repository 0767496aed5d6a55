import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { bundleForNode } from '../../scripts/page-script.mjs'
import type { Work } from './worker.js'

/** Bundles the worker, once, to where its packages can be found. */
export async function bundleWorker(): Promise<string> {
  const folder = fileURLToPath(new URL('../../node_modules/.cache/solveguard/', import.meta.url))
  mkdirSync(folder, { recursive: true })
  return bundleForNode('test/ledger/worker.ts', `${folder}ledger-worker-${process.pid}.mjs`, { whole: true })
}

/** One worker that runs. */
export interface Worker {
  readonly child: ChildProcess
  /** The lines that it wrote, parsed, once it has ended. */
  readonly ended: Promise<readonly unknown[]>
  /** Resolves when it has written its first line, or ended. */
  readonly began: Promise<void>
}

/** @param limitKiB the size that no file which the worker writes may grow beyond */
export function startWorker(script: string, work: Work, limitKiB?: number): Worker {
  const args = [script, JSON.stringify(work)]
  const stdio = ['ignore', 'pipe', 'inherit'] as const
  const child =
    limitKiB === undefined
      ? spawn(process.execPath, args, { stdio: [...stdio] })
      : // `sh` counts in blocks of 512 bytes.
        spawn('sh', ['-c', `ulimit -f ${limitKiB * 2}; exec "$0" "$@"`, process.execPath, ...args], {
          stdio: [...stdio],
        })
  let said = ''
  const ended = new Promise<readonly unknown[]>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', () => {
      const lines = said.split('\n').slice(0, -1)
      resolve(lines.map((line) => JSON.parse(line) as unknown))
    })
  })
  const began = new Promise<void>((resolve) => {
    child.stdout?.on('data', (data) => {
      said += data
      resolve()
    })
    child.on('close', () => resolve())
  })
  return { child, ended, began }
}
