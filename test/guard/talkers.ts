import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { bundleForNode } from '../../scripts/page-script.mjs'
import { after } from './support.js'

const root = join(import.meta.dirname, '../..')

/** What a child says, a line of JSON each. */
export interface Said {
  readonly what: string
  readonly code?: string
  readonly failures?: readonly string[]
  readonly paused?: string | null
}

/** A process of `children/alerting.ts`. */
export interface Talker {
  readonly said: readonly Said[]
  tell(command: string): void
  /** The next thing that it says of that kind, or has said and nobody has asked for. */
  hears(what: string): Promise<Said>
  /** Ends it as `kill -9` does. */
  kill(): Promise<void>
  ended(): Promise<void>
}

/** Bundles the child, and gives what starts one. */
export async function talkers(name: string): Promise<(env: Record<string, string>) => Talker> {
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
    return talkerOf(child)
  }
}

function talkerOf(child: ChildProcess): Talker {
  const said: Said[] = []
  const waiting = new Set<() => void>()
  const taken = new Map<string, number>()
  const { stdin, stdout } = child
  if (!stdin || !stdout) throw new Error('no pipes')
  createInterface({ input: stdout }).on('line', (line) => {
    said.push(JSON.parse(line) as Said)
    for (const look of waiting) look()
  })
  return {
    said,
    tell: (command) => void stdin.write(`${command}\n`),
    hears: (what) => {
      const nth = taken.get(what) ?? 0
      taken.set(what, nth + 1)
      return new Promise((resolve) => {
        const look = (): void => {
          const found = said.filter((one) => one.what === what)[nth]
          if (!found) return
          waiting.delete(look)
          resolve(found)
        }
        waiting.add(look)
        look()
      })
    },
    kill: () => end(child),
    ended: async () => {
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    },
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}
