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

/** What a worker runs under. */
export interface Conditions {
  /** A limit as the shell's `ulimit` takes it: `-f 192` for files of 192 blocks of 512 bytes. */
  readonly ulimit?: string
  /** Options of strace, which makes system calls fail. */
  readonly strace?: readonly string[]
}

export function startWorker(script: string, work: Work, { ulimit, strace }: Conditions = {}): Worker {
  const limited = ulimit === undefined ? [] : ['sh', '-c', `ulimit ${ulimit}; exec "$0" "$@"`]
  const traced = strace === undefined ? [] : ['strace', '-f', '-qq', ...strace]
  const [command = '', ...args] = [...limited, ...traced, process.execPath, script, JSON.stringify(work)]
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
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
