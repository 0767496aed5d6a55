import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { bundleForNode } from '../../scripts/page-script.mjs'
import { after } from '../guard/support.js'

const cache = join(import.meta.dirname, '../../node_modules/.cache/solveguard')

/** A process of `children/serving.ts`. */
export interface BrokerProcess {
  readonly url: string
  readonly token: string
  readonly child: ChildProcess
}

/** Brokers over one state folder. */
export interface BrokerProcesses {
  readonly dir: string
  /** Starts one more, which is killed after the test. */
  start(env: Record<string, string>): Promise<BrokerProcess>
}

/** Bundles the child, and makes the folder. */
export async function brokerProcesses(name: string): Promise<BrokerProcesses> {
  const program = await bundleForNode('test/broker/children/serving.ts', join(cache, `serving-${name}.mjs`))
  const dir = mkdtempSync(join(tmpdir(), 'solveguard-brokers-'))
  after(async () => rmSync(dir, { recursive: true, force: true, maxRetries: 10 }))
  const start: BrokerProcesses['start'] = async (env) => {
    const child = spawn(process.execPath, [program], {
      env: { PATH: process.env.PATH, STATE_DIR: dir, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    after(async () => {
      if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'exit')
    })
    const [line] = await once(createInterface({ input: child.stdout }), 'line')
    return { ...JSON.parse(String(line)), child }
  }
  return { dir, start }
}
