import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { compile } from '../../../scripts/compile.mjs'
import { findBao } from '../../../scripts/secret-stores.mjs'
import { durationMs } from '../../../src/policy/duration.js'
import { startSolverService } from '../../../src/testing/service/index.js'
import { SERVICE_HOSTS } from '../../../src/wires/services.js'
import { after } from '../../guard/support.js'
import { makeCertificate } from '../../support/certificate.js'
import { freePort } from '../../support/loopback.js'

const root = join(import.meta.dirname, '../../..')
const files = join(root, 'examples/deployment')
const built = join(root, 'node_modules/.cache/solveguard/commands')
const program = join(built, 'dist/cli/main.js')
const KEY = '0123456789abcdef0123456789abcdef'
const read = (name: string): string => readFileSync(join(files, name), 'utf8')

/** How a file runs the broker. */
interface Deployment {
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** How long it may take to stop, in ms. */
  readonly graceMs: number
}

const texts = (value: object): Record<string, string> =>
  Object.fromEntries(Object.entries(value).map(([name, one]) => [name, String(one)]))

/** The words after an instruction in the form of JSON. */
function instruction(name: string): string[] {
  const [, json = ''] = new RegExp(`^${name} (\\[.*\\])$`, 'm').exec(read('Dockerfile')) ?? []
  return JSON.parse(json)
}

function dockerfile(): Deployment {
  expect(instruction('ENTRYPOINT')).toEqual(['node', '/app/node_modules/solveguard/dist/cli/main.js'])
  const env = [...read('Dockerfile').matchAll(/^(?:ENV| {4}) ?([A-Z_]+)=(\S+)/gm)]
  const set = Object.fromEntries(env.map(([, name = '', value = '']) => [name, value]))
  return { args: instruction('CMD'), env: { ...set, BROKER_KEY_FILE: '/run/secrets/key' }, graceMs: 330_000 }
}

function compose(): Deployment {
  const { broker } = parse(read('compose.yaml')).services
  const env = { ...dockerfile().env, ...texts(broker.environment) }
  // The key is asked for with the first solve.
  const { VAULT_CACERT: _, ...rest } = env
  return { args: broker.command, env: rest, graceMs: durationMs(broker.stop_grace_period) }
}

function kubernetes(): Deployment {
  const documents = parseAllDocuments(read('kubernetes/broker.yaml')).map((document) => document.toJS())
  const { data } = documents.find(({ kind }) => kind === 'ConfigMap')
  const pod = documents.find(({ kind }) => kind === 'Deployment').spec.template.spec
  const [{ args, lifecycle }] = pod.containers
  const graceMs = (pod.terminationGracePeriodSeconds - lifecycle.preStop.sleep.seconds) * 1_000
  return { args, env: { ...dockerfile().env, ...texts(data) }, graceMs }
}

function unit(): Deployment {
  const lines = read('systemd/solveguard.service')
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
  const values = (name: string) =>
    lines.flatMap((line) => (line.startsWith(`${name}=`) ? line.slice(name.length + 1) : []))
  const [command = ''] = values('ExecStart')
  const [node, file, ...args] = command.split(' ').filter(Boolean)
  expect([node, file]).toEqual(['/usr/bin/node', '/opt/solveguard/node_modules/solveguard/dist/cli/main.js'])
  const settings = [
    ...values('Environment'),
    ...read('systemd/broker.env')
      .split('\n')
      .filter((line) => /^\w/.test(line)),
  ]
  const env = Object.fromEntries(settings.map((line) => [line.replace(/=.*/, ''), line.replace(/^\w+=/, '')]))
  return { args, env, graceMs: Number(values('TimeoutStopSec')[0]) * 1_000 }
}

/** The places of the file, in a folder of the test. */
function placesIn(folder: string): readonly (readonly [RegExp, string])[] {
  for (const name of ['state', 'run', 'secrets', 'tls', 'app']) mkdirSync(join(folder, name))
  writeFileSync(join(folder, 'secrets/key'), '0123456789abcdef0123456789abcdef\n', { mode: 0o400 })
  writeFileSync(join(folder, 'secrets/signing-key'), `${'0123456789abcdef'.repeat(4)}\n`, { mode: 0o400 })
  const { cert, key } = makeCertificate(...Object.keys(SERVICE_HOSTS))
  writeFileSync(join(folder, 'tls/tls.crt'), cert)
  writeFileSync(join(folder, 'tls/tls.key'), key)
  writeFileSync(join(folder, 'app/package.json'), '{}')
  copyFileSync(join(files, 'solveguard.config.mjs'), join(folder, 'app/solveguard.config.mjs'))
  return [
    [/\/(?:app|opt\/solveguard)(?=\/)/g, join(folder, 'app')],
    [/\/run\/secrets\/(?:solveguard\/)?(?:captcha-)?/g, `${join(folder, 'secrets')}/`],
    [/%d\/(?:captcha-)?/g, `${join(folder, 'secrets')}/`],
    [/\/run\/tls\//g, `${join(folder, 'tls')}/`],
    [/\/run\/solveguard/g, join(folder, 'run')],
    [/\/var\/lib\/solveguard/g, join(folder, 'state')],
    [/^(--port=)?(?:443|8443)$/, '$10'],
  ]
}

/** Starts what a file runs. */
async function started({ args, env }: Deployment): Promise<{ child: ChildProcess; url: string; caFile: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'solveguard-deployed-'))
  after(async () => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }))
  const places = placesIn(folder)
  const here = (text: string): string => places.reduce((moved, [place, to]) => moved.replace(place, to), text)
  // One machine has its ledger in the state folder.
  const { SOLVEGUARD_LEDGER: _, ...settings } = env
  const child = spawn(process.execPath, [program, ...args.map(here), '--json'], {
    cwd: join(folder, 'app'),
    env: {
      PATH: process.env.PATH,
      SOLVEGUARD_ORIGINS: 'https://staging.example.com',
      ...Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, here(value)])),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  after(async () => {
    if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'exit')
  })
  let errors = ''
  child.stderr.on('data', (chunk) => {
    errors += chunk
  })
  const line = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    once(child, 'exit').then(() => Promise.reject(new Error(errors))),
  ])
  const { url } = JSON.parse(String(line[0]))
  expect(errors).not.toContain('0123456789abcdef')
  const isOwn = args.some((arg) => /\bprivate$/.test(arg))
  return { child, url, caFile: join(folder, isOwn ? 'run/broker-ca.pem' : 'tls/tls.crt') }
}

/** The whole of compose.yaml as processes on loopback, each as the file says. */
async function composed(): Promise<{ readonly printed: string; readonly spent: string; readonly asked: number }> {
  const { services } = parse(read('compose.yaml'))
  const folder = mkdtempSync(join(tmpdir(), 'solveguard-composed-'))
  after(async () => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }))
  for (const name of ['certs', 'redis', 'app-secrets']) mkdirSync(join(folder, name))
  const [redisPort, baoPort, brokerPort] = [await freePort(), await freePort(), await freePort()]
  const service = await startSolverService({ keys: { [KEY]: 5 } })
  after(() => service.close())
  const places: (readonly [RegExp, string])[] = [
    [/\/openbao\/file|\/certs(?=\/)/g, join(folder, 'certs')],
    [/(https:\/\/)openbao:8200/, `$1127.0.0.1:${baoPort}`],
    [/0\.0\.0\.0:8200/, `127.0.0.1:${baoPort}`],
    [/redis:\/\/redis:6379/, `redis://127.0.0.1:${redisPort}`],
    [/^\$\{OPENBAO_ROOT_TOKEN:-(.*)\}$|\$\{OPENBAO_ROOT_TOKEN:-(.*)\}/, '$1$2'],
    [/^--port=443$/, `--port=${brokerPort}`],
    [/^443$/, `${brokerPort}`],
    ...placesIn(folder),
  ]
  const here = (text: string): string => places.reduce((moved, [place, to]) => moved.replace(place, to), text)
  const environment = (name: string): Record<string, string> =>
    Object.fromEntries(
      Object.entries(texts(services[name].environment ?? {})).map(([key, value]) => [key, here(value)]),
    )
  const spawned = (command: string, args: readonly string[], env: Record<string, string>): ChildProcess => {
    const child = spawn(command, args, {
      cwd: join(folder, 'app'),
      env: { PATH: process.env.PATH, HOME: folder, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    after(async () => {
      if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'exit')
    })
    return child
  }
  const [redisServer, ...redisArgs] = services.redis.command
  spawned(
    redisServer,
    [...redisArgs, '--port', `${redisPort}`, '--bind', '127.0.0.1', '--dir', join(folder, 'redis')],
    {},
  )
  const bao = findBao()
  if (bao === undefined) throw new Error('This test needs OpenBao: `npm test` fetches it.')
  spawned(bao, services.openbao.command.map(here), {})
  const putKey = () =>
    promisify(execFile)(bao, services['openbao-key'].command.map(here), {
      env: { PATH: process.env.PATH, HOME: folder, ...environment('openbao-key') },
    })
  await expect
    .poll(
      () =>
        putKey().then(
          () => 'done',
          () => 'not yet',
        ),
      { timeout: 60_000 },
    )
    .toBe('done')

  // Only the service that it pays is a stand-in, which no variable may name.
  const { SOLVEGUARD_SOLVER: name, ...rest } = { ...compose().env, ...environment('broker') }
  writeFileSync(
    join(folder, 'app/with-stand-in.mjs'),
    `import config from './solveguard.config.mjs'
     export default { ...config, solver: { name: '${name}', baseUrl: '${service.url}' } }`,
  )
  const brokerEnv = {
    ...Object.fromEntries(
      Object.entries(rest).map(([key, value]) => [key, value.startsWith(folder) ? value : here(value)]),
    ),
    SOLVEGUARD_CONFIG: join(folder, 'app/with-stand-in.mjs'),
  }
  const broker = spawned(process.execPath, [program, ...services.broker.command.map(here)], brokerEnv)
  let log = ''
  broker.stderr?.on('data', (chunk) => {
    log += chunk
  })
  const ca = join(folder, 'run/broker-ca.pem')
  const ready = () => readiness(`https://127.0.0.1:${brokerPort}`, ca).catch(() => `not yet: ${log.slice(-2_000)}`)
  await expect.poll(ready, { timeout: 60_000 }).toBe(200)

  const issue = ['token', 'issue', '--origin', 'https://staging.example.com', '--ttl', '30d', '--subject', 'app']
  const { stdout: token } = await promisify(execFile)(process.execPath, [program, ...issue], {
    cwd: join(folder, 'app'),
    env: { PATH: process.env.PATH, ...brokerEnv },
  })
  writeFileSync(join(folder, 'app-secrets/app-token'), token)
  // As `extra_hosts` does; and the port, which is the services' own there.
  const hosts = services.app.extra_hosts.map((line: string) => line.replace(/:.*/, ''))
  writeFileSync(
    join(folder, 'app-secrets/sitecustomize.py'),
    `import socket
real = socket.getaddrinfo
hosts = ${JSON.stringify(hosts)}
def getaddrinfo(host, port, *more, **named):
    return real("127.0.0.1", ${brokerPort}, *more, **named) if host in hosts else real(host, port, *more, **named)
socket.getaddrinfo = getaddrinfo
`,
  )
  const app = read('compose/app.py').replace('/run/secrets/', `${join(folder, 'app-secrets')}/`)
  writeFileSync(join(folder, 'app-secrets/app.py'), app)
  const appEnv = Object.fromEntries(
    Object.entries(texts(services.app.environment)).map(([key, value]) => [
      key,
      value.replace('/ca/', `${join(folder, 'run')}/`),
    ]),
  )
  const { stdout: printed } = await promisify(execFile)('python3', [join(folder, 'app-secrets/app.py')], {
    env: { PATH: process.env.PATH, PYTHONPATH: join(folder, 'app-secrets'), ...appEnv },
  })
  const { stdout: spent } = await promisify(execFile)(process.execPath, [program, 'status', '--json'], {
    cwd: join(folder, 'app'),
    env: { PATH: process.env.PATH, ...brokerEnv },
  })
  expect(`${log}${printed}${spent}`).not.toContain(KEY)
  return { printed, spent, asked: service.tasks.length }
}

/** What `/readyz` answers, to a client that trusts the file for clients. */
function readiness(url: string, caFile: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const { port } = new URL(url)
    const ca = readFileSync(caFile)
    const to = { host: '127.0.0.1', port, path: '/readyz', servername: '2captcha.com', ca, rejectUnauthorized: true }
    get(to, (reply) => resolve(reply.resume().statusCode)).on('error', reject)
  })
}

beforeAll(async () => {
  rmSync(built, { recursive: true, force: true })
  mkdirSync(built, { recursive: true })
  await compile(join(built, 'dist'))
  copyFileSync(join(root, 'package.json'), join(built, 'package.json'))
})

describe('the command that an example of deployment runs', () => {
  it.each([
    ['Dockerfile', dockerfile],
    ['compose.yaml', compose],
    ['systemd/solveguard.service', unit],
    ['kubernetes/broker.yaml', kubernetes],
  ] as const)('is ready, trusted by the file for clients, and drains within its time: %s', async (_, deployment) => {
    const found = deployment()
    const drain = /--drain[ =](\w+)/.exec(found.args.join(' '))?.[1] ?? ''
    expect(found.graceMs).toBeGreaterThan(durationMs(drain) + 10_000)
    const { child, url, caFile } = await started(found)
    expect(await readiness(url, caFile)).toBe(200)
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
  })

  it('of compose.yaml solves for its application, with the key in OpenBao and the ledger in Redis', async () => {
    const { printed, spent, asked } = await composed()
    expect(printed).toMatch(/^03AF/)
    expect(asked).toBe(1)
    expect(JSON.parse(spent)).toMatchObject({ ledger: 'redis' })
    expect(spent).toMatch(/"spent":[1-9]/)
  })
})
