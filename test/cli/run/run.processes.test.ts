import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { compile } from '../../../scripts/compile.mjs'
import { startBroker } from '../../../src/broker/server.js'
import { createGuard } from '../../../src/guard/create.js'
import { memoryLedger } from '../../../src/ledger/memory.js'
import { usd } from '../../../src/policy/money.js'
import { Secret } from '../../../src/secrets/secret.js'
import { captchaAI } from '../../../src/solvers/captchaai.js'
import { startSolverService } from '../../../src/testing/index.js'
import { after } from '../../guard/support.js'
import { leaks } from '../../support/key-leaks.js'
import { testProject } from '../project.js'

const root = join(import.meta.dirname, '../../..')
const built = join(root, 'node_modules/.cache/solveguard/commands-run')
const program = join(built, 'dist/cli/main.js')
const KEY = '0123456789abcdef0123456789abcdef'

beforeAll(async () => {
  rmSync(built, { recursive: true, force: true })
  mkdirSync(built, { recursive: true })
  await compile(join(built, 'dist'))
  copyFileSync(join(root, 'package.json'), join(built, 'package.json'))
})

async function project(config: object = {}) {
  const made = await testProject(config)
  after(() => made.close())
  return made
}

/** Runs a command in a project. */
async function ran(
  folder: string,
  args: readonly string[],
  whenStarted?: (pid: number) => void,
  env: NodeJS.ProcessEnv = {},
) {
  const child = spawn(process.execPath, [program, 'run', ...args], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      SOLVEGUARD_KEY: KEY,
      OTHER_KEY: KEY,
      VAULT_TOKEN: 'hvs.a-token-of-vault',
      HOME: folder,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => {
    stdout += chunk
    if (stdout.includes('started\n')) whenStarted?.(child.pid ?? 0)
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  const [exitCode] = await once(child, 'close')
  return { exitCode, stdout, stderr }
}

/** A broker with a guard, as it runs elsewhere, and a token of an operator's. */
async function brokerElsewhere() {
  const service = await startSolverService({ as: 'captchaai', keys: { [KEY]: 5 } })
  after(() => service.close())
  const stateDir = mkdtempSync(join(tmpdir(), 'solveguard-run-'))
  const secret = { kind: 'test', place: 'a test', fetch: () => ({ current: { value: new Secret(KEY), version: '1' } }) }
  const policy = { origins: ['https://staging.example.com'], budget: { perDay: usd(5) } }
  const guard = await createGuard({
    solver: captchaAI({ baseUrl: service.url }),
    secret,
    policy,
    stateDir,
    ledger: memoryLedger(),
  })
  const broker = await startBroker({ guard, tls: 'private', stateDir, proxy: true })
  after(async () => {
    await broker.close()
    await guard.close()
    rmSync(stateDir, { recursive: true })
  })
  const { token } = await guard.issueToken({ origins: policy.origins, budget: { perDay: usd(0.5) } }, { ttl: '1h' })
  const { url, caFile = '' } = broker
  const { hostname, port } = new URL(url)
  const proxy = `http://t:${token}@${hostname}:${port}`
  const env = { SOLVEGUARD_BROKER: url, SOLVEGUARD_BROKER_CA: caFile, SOLVEGUARD_TOKEN: token, HTTPS_PROXY: proxy }
  return { guard, token, env }
}

const ASK = `
  const ask = (token) => fetch(process.env.SOLVEGUARD_BROKER.replace('https', 'http') + '/res.php?action=getbalance&key=' + token)
    .then((reply) => reply.text(), (error) => 'none: ' + error.cause?.code)
`

describe('solveguard run', () => {
  it('gives a command no key, in its environment and in that which the kernel shows', async () => {
    const { folder } = await project()
    const { exitCode, stdout, stderr } = await ran(folder, [
      '--per-day',
      '0.25',
      '--',
      'sh',
      '-c',
      'env; tr "\\0" "\\n" < /proc/self/environ; echo "balance $(curl -s "https://2captcha.com/res.php?key=any&action=getbalance")"',
    ])
    expect({ exitCode, leaks: leaks(KEY, stdout + stderr) }).toEqual({ exitCode: 0, leaks: [] })
    expect(stdout).not.toContain('hvs.a-token-of-vault')
    expect(stdout).toMatch(/^balance 0\.25$/m)
    expect(stderr).toContain('Spent $0.00. Its token is revoked.')
  })

  it('leads the calls of Node to the broker, and passes the exit code on', async () => {
    const { folder } = await project()
    const script = `fetch('https://2captcha.com/res.php?key=any&action=getbalance').then(async (reply) => {
      console.log('balance', await reply.text())
      process.exitCode = 7
    })`
    const { exitCode, stdout } = await ran(folder, ['--per-day', '0.5', '--', process.execPath, '-e', script])
    expect({ exitCode, stdout }).toEqual({ exitCode: 7, stdout: 'balance 0.5\n' })
  })

  it.each([
    ['kill -9 $$', 137],
    ['kill -TERM $$', 143],
    ['exit 0', 0],
  ])('revokes the token however the command ends: %s', async (script, code) => {
    const { folder } = await project()
    const { exitCode, stderr } = await ran(folder, ['--', 'sh', '-c', script])
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: code,
      stderr: expect.stringContaining('Its token is revoked.'),
    })
  })

  it('gives it no key of a store either, under whatever name, and nothing runs while the store is away', async () => {
    const { folder, key } = await project({ secret: { exec: [process.execPath, 'store.cjs'] } })
    writeFileSync(join(folder, 'store.cjs'), `console.log('${key}')`)
    const { exitCode, stdout } = await ran(folder, ['--', 'env'])
    expect({ exitCode, leaks: leaks(key, stdout) }).toEqual({ exitCode: 0, leaks: [] })
    expect(stdout).toContain('SOLVEGUARD_TOKEN=')
    writeFileSync(join(folder, 'store.cjs'), 'process.exit(1)')
    expect(await ran(folder, ['--', 'env'])).toMatchObject({
      exitCode: 5,
      stdout: '',
      stderr: expect.stringContaining('SECRET_UNAVAILABLE'),
    })
  })

  it('behind a broker elsewhere gives it a narrower token, no trace of its own, and revokes it', async () => {
    const { guard, token, env } = await brokerElsewhere()
    const folder = mkdtempSync(join(tmpdir(), 'solveguard-run-'))
    after(async () => rmSync(folder, { recursive: true }))
    const script = `fetch('https://2captcha.com/res.php?key=any&action=getbalance').then(async (reply) => {
      console.log(JSON.stringify({ balance: await reply.text(), env: process.env }))
      process.exitCode = 7
    })`
    const node = [process.execPath, '-e', script]
    const { exitCode, stdout, stderr } = await ran(folder, ['--per-day', '0.25', '--', ...node], undefined, env)
    const child = JSON.parse(stdout) as { balance: string; env: Record<string, string> }
    expect({ exitCode, balance: child.balance }).toEqual({ exitCode: 7, balance: '0.25' })
    const { SOLVEGUARD_TOKEN: narrowed = '' } = child.env
    expect(narrowed).not.toBe(token)
    // A narrower token begins as the wider one does, without its signature.
    const signature = token.slice(token.lastIndexOf('.') + 1)
    expect(Object.entries(child.env).filter(([, value]) => value.includes(signature))).toEqual([])
    expect(stderr).toContain('Spent $0.00. Its token is revoked.')
    await expect(guard.verifyToken(narrowed)).rejects.toMatchObject({ code: 'TOKEN_REVOKED' })
    await guard.verifyToken(token)

    const curl = ['curl', '-s', 'https://2captcha.com/res.php?key=any&action=getbalance']
    const proxied = await ran(folder, ['--per-day', '0.1', '--via', 'proxy', '--', ...curl], undefined, env)
    expect(proxied).toMatchObject({ exitCode: 0, stdout: '0.1' })
  })

  it('says as a shell does that there is no such command', async () => {
    const { folder } = await project()
    expect(await ran(folder, ['--', 'no-such-command'])).toMatchObject({ exitCode: 127 })
  })

  it('passes a signal on, and ends with its command', async () => {
    const { folder } = await project()
    const onSignal = "process.on('SIGTERM', () => { console.log('end'); process.exit(9) })"
    const script = `${onSignal}; setInterval(() => {}, 1e6); console.log('started')`
    const ended = await ran(folder, ['--', process.execPath, '-e', script], (pid) => process.kill(pid, 'SIGTERM'))
    expect(ended).toMatchObject({ exitCode: 9, stdout: 'started\nend\n' })
  })

  it('leaves a process that outlives the command a token that is worth nothing', async () => {
    const { folder } = await project()
    const file = join(folder, 'answer')
    // It detaches itself, and asks once its parents are gone.
    const daemon = `${ASK}
      const { writeFileSync } = require('node:fs')
      const until = setInterval(async () => {
        if (await ask(process.env.SOLVEGUARD_TOKEN).then((text) => /^[0-9.]+$/.test(text))) return
        clearInterval(until)
        writeFileSync(${JSON.stringify(`${file}.part`)}, await ask(process.env.SOLVEGUARD_TOKEN))
        require('node:fs').renameSync(${JSON.stringify(`${file}.part`)}, ${JSON.stringify(file)})
      }, 20)`
    const parent = `require('node:child_process')
      .spawn(process.execPath, ['-e', ${JSON.stringify(daemon)}], { detached: true, stdio: 'ignore' }).unref()`
    const { exitCode } = await ran(folder, ['--', process.execPath, '-e', parent])
    expect(exitCode).toBe(0)
    await expect.poll(() => existsSync(file)).toBe(true)
    expect(readFileSync(file, 'utf8')).toMatch(/^(?:none: ECONN\w+|ERROR_\w+)$/)
  })
})
