import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { messageOf } from '../../base/errors.js'
import type { BrokerHandler } from '../../broker/types.js'
import { NOTHING } from '../bounds.js'
import { DrillFailure, type Stage } from '../stage.js'
import type { Scenario } from './scenario.js'
import { tokenBudget } from './tokens.js'

const run = promisify(execFile)
const TIMEOUT_MS = 8_000
const REFUSED = 'CONNECTION_BYPASSES_GUARD'

/**
 * A client with a key of its own. It first looks a name up and opens connections: where that is not refused, it ends
 * there, so that nothing of a drill is ever sent to a service.
 */
const CLIENT = `
const dns = require('node:dns'), net = require('node:net'), http = require('node:http'), https = require('node:https')
const host = '2captcha.com', said = {}
const code = (error) => (error ? error.code || error.message : 'allowed')
const steps = {
  lookup: (done) => dns.lookup(host, done),
  resolve: (done) => dns.resolve4(host, done),
  connect: (done) => { const s = net.connect(443, host, () => done()); s.on('error', done) },
  http: (done) => http.get('http://' + host + '/res.php?action=getbalance', () => done()).on('error', done),
}
const next = ([name, ...rest]) => {
  if (name === undefined) return led()
  steps[name]((error) => {
    said[name] = code(error)
    if (said[name] !== '${REFUSED}') return end()
    next(rest)
  })
}
const led = () => {
  const body = new URLSearchParams({ key: 'a-key-of-its-own', method: 'userrecaptcha', googlekey: process.env.DRILL_SITEKEY,
    pageurl: process.env.DRILL_PAGE }).toString()
  const request = https.request('https://' + host + '/in.php', { method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'content-length': Buffer.byteLength(body) } }, (reply) => {
    let text = ''
    reply.on('data', (part) => (text += part)).on('end', () => { said.led = text; end() })
  })
  request.on('error', (error) => { said.led = code(error); end() })
  request.end(body)
}
const end = () => process.stdout.write(JSON.stringify(said), () => process.exit(0))
next(Object.keys(steps))
`

/** A client that goes round `solveguard/register`. */
export function roundRegister(
  file = join(dirname(import.meta.filename), '..', '..', 'intercept', 'register.js'),
): Scenario {
  return {
    id: 'round-register',
    scenario: 'broker: a client goes round register',
    expected: 'refused; what is led away is held to the token',
    async run(stage, answers) {
      if (!existsSync(file)) throw new DrillSkip(`there is no built ${file}`)
      const { guard, setup } = stage
      // A page that no policy names: a key of the client's own does not help it.
      const { token } = await guard.issueToken({ budget: { perDay: tokenBudget(setup) } }, { ttl: '15m' })
      const said = await runClient(stage, file, token)
      for (const way of ['lookup', 'resolve', 'connect', 'http'] as const) {
        const outcome = said[way] ?? 'not tried'
        if (outcome !== REFUSED) throw new DrillFailure(`${way} of a service's host went round the guard: ${outcome}`)
      }
      answers.add({ code: REFUSED, message: 'look-ups, plain connections and HTTP to a service are refused' })
      const [denial] = stage.denials
      if (denial?.code !== 'ORIGIN_NOT_NAMED') {
        throw new DrillFailure(`a call with a key of its own was answered ${said.led ?? 'not at all'}`)
      }
      answers.add(denial)
      return {
        atMost: NOTHING,
        detail: 'four ways round it are refused; a call by HTTPS is led to the guard, whatever its key',
      }
    },
  }
}

/** A scenario cannot be run here. */
export class DrillSkip extends Error {}

async function runClient(stage: Stage, file: string, token: string): Promise<Readonly<Record<string, string>>> {
  return stage.withBroker(async (handler) => {
    const server = await listen(handler)
    const { PATH, SystemRoot } = process.env
    const env = {
      ...(PATH !== undefined && { PATH }),
      ...(SystemRoot !== undefined && { SystemRoot }),
      SOLVEGUARD_BROKER: server.url,
      SOLVEGUARD_TOKEN: token,
      DRILL_PAGE: 'https://hostile.invalid/login',
      DRILL_SITEKEY: stage.setup.challenge.sitekey,
    }
    try {
      const { stdout } = await run(process.execPath, ['--require', file, '-e', CLIENT], { env, timeout: TIMEOUT_MS })
      return JSON.parse(stdout) as Record<string, string>
    } catch (error) {
      throw new DrillFailure(`the client did not run: ${messageOf(error)}`)
    } finally {
      await server.close()
    }
  })
}

async function listen(handler: BrokerHandler): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => void parts.push(part))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      void Promise.resolve(handler({ method, url, headers, body: Buffer.concat(parts) })).then(
        ({ status, headers: reply, body }) => {
          response.writeHead(status, { ...reply })
          response.end(typeof body === 'string' ? body : '')
        },
        () => response.destroy(),
      )
    })
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
