import childProcess from 'node:child_process'
import { syncBuiltinESMExports } from 'node:module'

// Loaded before each test file of the project `core`. Its tests start no process, so no browser and no foreign server.

const STARTS = ['exec', 'execFile', 'execFileSync', 'execSync', 'fork', 'spawn', 'spawnSync'] as const

for (const name of STARTS) {
  const refuse = (command: unknown) => {
    throw new Error(
      `A core test starts no process, but called ${name}(${JSON.stringify(command)}): ` +
        'name its file x.pages.test.ts (a browser) or x.processes.test.ts.',
    )
  }
  Object.assign(childProcess, { [name]: refuse })
}
syncBuiltinESMExports()
