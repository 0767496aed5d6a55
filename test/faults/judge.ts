import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { bundleForNode } from '../../scripts/page-script.mjs'
import type { JudgeRequest, JudgeVerdict } from './children/judge.js'
import { HANGS_AFTER_MS } from './watch.js'

/** Judges, in processes without faults, what processes under test have left. */
export interface Judges {
  /** What does not hold, as sentences. */
  judge(request: JudgeRequest): Promise<readonly string[]>
  close(): Promise<void>
}

interface Judge {
  readonly alive: boolean
  ask(request: JudgeRequest): Promise<readonly string[]>
  end(): Promise<void>
}

/** A judge takes one request at a time; there are as many as are needed. */
export async function startJudges(): Promise<Judges> {
  const script = await bundleChild('judge')
  const all: Judge[] = []
  const idle: Judge[] = []
  return {
    async judge(request) {
      const judge = idle.pop() ?? startJudge(script)
      if (!all.includes(judge)) all.push(judge)
      const problems = await judge.ask(request)
      if (judge.alive) idle.push(judge)
      return problems
    },
    async close() {
      for (const judge of all) await judge.end()
      rmSync(script, { force: true })
    },
  }
}

/** Bundles a process of `children`, beside the packages, so that it finds them. */
export function bundleChild(name: string): Promise<string> {
  const out = `node_modules/.cache/solveguard/faults-${name}-${process.pid}-${++bundles}.mjs`
  return bundleForNode(`test/faults/children/${name}.ts`, join(root, out), { whole: true })
}

const root = join(import.meta.dirname, '../..')
let bundles = 0

function startJudge(script: string): Judge {
  const child = spawn(process.execPath, [script], {
    env: { PATH: process.env.PATH ?? '', TMPDIR: tmpdir() },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const orphan = (): void => void child.kill('SIGKILL')
  process.once('exit', orphan)
  const ended = once(child, 'exit').then(() => process.off('exit', orphan))
  const lines = createInterface({ input: child.stdout })
  const isAlive = (): boolean => child.exitCode === null && child.signalCode === null
  return {
    get alive() {
      return isAlive()
    },
    async ask(request) {
      const abort = new AbortController()
      const timer = setTimeout(() => child.kill('SIGKILL'), HANGS_AFTER_MS)
      child.stdin.write(`${JSON.stringify(request)}\n`)
      const line = await Promise.race([
        once(lines, 'line', { signal: abort.signal }) as Promise<[string]>,
        ended.then(() => undefined),
      ])
      clearTimeout(timer)
      abort.abort()
      if (line === undefined) return ['the judge, a clean process, crashed or did not end']
      return (JSON.parse(line[0]) as JudgeVerdict).problems
    },
    async end() {
      if (isAlive()) child.kill('SIGKILL')
      await ended
    },
  }
}
