import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { bundleForNode } from '../../scripts/page-script.mjs'
import { after } from './support.js'

const root = join(import.meta.dirname, '../..')

/** A line of JSON that a child writes. */
export interface ProcessMessage {
  readonly what: string
  readonly code?: string
  readonly failures?: readonly string[]
  readonly paused?: string | null
}

/** A process of `children/alerting.ts`. */
export interface GuardProcess {
  readonly messages: readonly ProcessMessage[]
  send(command: string): void
  /** The next message of that kind that was not returned before. */
  next(what: string): Promise<ProcessMessage>
  /** Ends it as `kill -9` does. */
  kill(): Promise<void>
  exited(): Promise<void>
}

/** Bundles the child, and returns a function that starts it. */
export async function bundleGuardProcess(name: string): Promise<(env: Record<string, string>) => GuardProcess> {
  const script = await bundleForNode(
    'test/guard/children/alerting.ts',
    join(root, `node_modules/.cache/solveguard/alerting-${name}.mjs`),
  )
  return (env) => {
    const child = spawn(process.execPath, [script], {
      env: { PATH: process.env.PATH, ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    after(() => end(child))
    return guardProcessOf(child)
  }
}

function guardProcessOf(child: ChildProcess): GuardProcess {
  const messages: ProcessMessage[] = []
  const checks = new Set<() => void>()
  const received = new Map<string, number>()
  const { stdin, stdout } = child
  if (!stdin || !stdout) throw new Error('no pipes')
  createInterface({ input: stdout }).on('line', (line) => {
    messages.push(JSON.parse(line) as ProcessMessage)
    for (const check of checks) check()
  })
  return {
    messages,
    send: (command) => void stdin.write(`${command}\n`),
    next: (what) => {
      const nth = received.get(what) ?? 0
      received.set(what, nth + 1)
      return new Promise((resolve) => {
        const check = (): void => {
          const found = messages.filter((one) => one.what === what)[nth]
          if (!found) return
          checks.delete(check)
          resolve(found)
        }
        checks.add(check)
        check()
      })
    },
    kill: () => end(child),
    exited: async () => {
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    },
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}
