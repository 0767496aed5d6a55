import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Line } from './children/run.js'
import type { Command } from './injector.js'

/** How a process under test ended. */
export interface Watched {
  /** What it wrote. */
  readonly lines: readonly Line[]
  /** What does not hold, as sentences. */
  readonly problems: readonly string[]
  readonly killed: boolean
}

export interface WatchOptions {
  /** Whether it may be killed. */
  readonly mayBeKilled: boolean
  /** Whether files of its ledger may stay open: SQLite detaches no database while every lock fails. */
  readonly mayStayOpen?: boolean
  /** When it counts as hanging, ms. */
  readonly hangsAfterMs?: number
}

/** A run that has not ended by then hangs. A machine that is busy with other work takes minutes. */
export const HANGS_AFTER_MS = 300_000
/** What the runtime writes when an error was not handled. */
const CRASH = /Unhandled|Uncaught|panicked|FATAL|node:internal\/process\/promises/

/**
 * Runs a process to its end: it must end by itself and without an unhandled error, and each outcome must have a code.
 */
export async function watch(
  { program, args, env }: Command,
  { mayBeKilled, mayStayOpen = false, hangsAfterMs = HANGS_AFTER_MS }: WatchOptions,
): Promise<Watched> {
  const child = spawn(program, [...args], { env: { ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  // In case this process ends first.
  const orphan = (): void => void child.kill('SIGKILL')
  process.once('exit', orphan)
  const lines: Line[] = []
  let errors = ''
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line) as Line))
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-4_000)
  })
  let hangs = false
  const timer = setTimeout(() => {
    hangs = true
    child.kill('SIGKILL')
  }, hangsAfterMs)
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  clearTimeout(timer)
  process.off('exit', orphan)

  const killed = signal === 'SIGKILL' && !hangs
  const problems: string[] = []
  if (hangs) problems.push(`the process has not ended after ${hangsAfterMs / 1000} s`)
  else if (killed ? !mayBeKilled : code !== 0) problems.push(`the process ended with ${signal ?? code}: ${errors}`)
  else if (CRASH.test(errors)) problems.push(`the process wrote: ${errors}`)
  else if (code === 0 && lines.at(-1)?.what !== 'closed') problems.push('the process ended before its last line')
  for (const line of lines) {
    if (line.what === 'no code') problems.push(`${line.name}: an error without a code: ${line.message}`)
    if (line.what !== 'open files') continue
    const open = line.paths.filter((path) => !mayStayOpen || !/\.db(-wal|-shm)?$/.test(path))
    if (open.length > 0) problems.push(`open after close(): ${open}`)
  }
  return { lines, problems, killed }
}
