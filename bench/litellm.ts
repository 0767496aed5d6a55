import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Pool } from 'undici'
import { freePort, listen } from '../test/support/loopback.js'
import { byTurns, CONNECTIONS, FIELDS, post, SERVER, type Server, start, wholeSolves } from './broker.js'
import { median } from './median.js'
import type { BenchRow } from './row.js'

/** Where it is looked for: the benchmark does not install some hundred Python packages by itself. */
const VENV = fileURLToPath(new URL('../litellm', import.meta.url))
const MAKE = `python3 -m venv ${VENV} && ${VENV}/bin/pip install 'litellm[proxy]==1.108.7'`
const KEY = 'sk-bench-of-litellm'
const READY_WITHIN_MS = 300_000
const CALLS = 300
/** How many calls its budget is for. */
const BUDGETED = 100

const HEADERS = { 'content-type': 'application/json', authorization: `Bearer ${KEY}` }
const BODY = JSON.stringify({ model: 'm', max_tokens: 10, messages: [{ role: 'user', content: 'x' }] })
/** A call has 20 tokens, and so costs a tenth of a cent. */
const REPLY = JSON.stringify({
  ...{ id: 'x', object: 'chat.completion', created: 1, model: 'm' },
  choices: [{ index: 0, message: { role: 'assistant', content: 'x' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 10, completion_tokens: 10, total_tokens: 20 },
})

/**
 * The broker beside LiteLLM, which guards another kind of key in the same place: a model's. Each in front of a service
 * on this machine that answers at once. Without LiteLLM it measures nothing.
 */
export async function litellmBench(): Promise<BenchRow[]> {
  const program = join(VENV, 'bin/litellm')
  if (!existsSync(program)) {
    console.error(`LiteLLM is not here, and nothing is compared with it. To have it: ${MAKE}`)
    return []
  }
  const service = createServer((request, reply) => {
    request.resume().once('end', () => reply.setHeader('content-type', 'application/json').end(REPLY))
  })
  const serviceUrl = `http://127.0.0.1:${await listen(service)}`
  const bare = await start('scripts/run.mjs', 'bench/broker-server.ts', 'bare')
  try {
    const rows = await speed(program, serviceUrl, bare)
    for (const calls of [200, 400]) rows.push(await atOnce(program, serviceUrl, calls))
    return rows
  } finally {
    await bare.close()
    service.close()
  }
}

async function speed(program: string, serviceUrl: string, bare: Server): Promise<BenchRow[]> {
  const lite = await startLite(program, serviceUrl, false)
  const [broker, instant] = [await start(SERVER, 'broker'), await start(SERVER, 'instant')]
  const pools = [broker.url, bare.url, lite.url, serviceUrl].map((url) => new Pool(url, { connections: CONNECTIONS }))
  const [ofBroker, ofBare, ofLite, ofService] = pools as [Pool, Pool, Pool, Pool]
  const body = new URLSearchParams({ key: broker.token, ...FIELDS }).toString()
  const works = [
    () => post(ofBroker, '/in.php', body),
    () => post(ofBare, '/in.php', body),
    () => complete(ofLite),
    () => complete(ofService),
  ]
  const [viaBroker = 0, direct = 0, viaLite = 0, directCall = 0] = (await byTurns(works, 200)).map(median)
  const calls = await rateOf(ofLite)
  const solves = (await wholeSolves(instant)).value
  await Promise.all(pools.map((pool) => pool.close()))
  for (const server of [broker, instant, lite]) await server.close()
  const [added, addedByLite] = [viaBroker - direct, viaLite - directCall]
  const against = 'LiteLLM'
  return [
    {
      ...{ name: 'ready after', value: broker.readyMs, unit: 'ms', against, baseline: lite.readyMs },
      ...{ ratio: broker.readyMs / lite.readyMs, target: '≤ 1,000 ms', ok: broker.readyMs <= 1_000 },
    },
    {
      ...{ name: 'submit, one caller: p50 added, with reserve and audit', value: added, unit: 'ms', against },
      ...{ baseline: addedByLite, ratio: added / addedByLite, target: '≤ 0.1 ×', ok: added <= addedByLite / 10 },
    },
    {
      ...{ name: `whole solves a second, ${CONNECTIONS} callers`, value: solves, unit: '/s', against, baseline: calls },
      ...{ ratio: solves / calls, target: '≥ 5 ×', ok: solves >= 5 * calls },
    },
  ]
}

/** How many calls are allowed beyond a budget for a hundred, of this many at once. */
async function atOnce(program: string, serviceUrl: string, calls: number): Promise<BenchRow> {
  const broker = await start(SERVER, 'budget')
  const body = new URLSearchParams({ key: broker.token, ...FIELDS }).toString()
  const ours = await allowed(broker, calls, async (pool) => (await post(pool, '/in.php', body)).startsWith('OK|'))
  const lite = await startLite(program, serviceUrl, true)
  const theirs = await allowed(lite, calls, async (pool) => (await complete(pool)) === 200)
  return {
    name: `${calls} calls at once against a budget for ${BUDGETED}: allowed`,
    value: ours,
    unit: 'calls',
    against: 'LiteLLM, one process, a budget of its router',
    baseline: theirs,
    ratio: ours / theirs,
    target: `= ${BUDGETED}`,
    ok: ours === BUDGETED,
  }
}

async function allowed(server: Server, calls: number, call: (pool: Pool) => Promise<boolean>): Promise<number> {
  const pool = new Pool(server.url, { connections: calls })
  const outcomes = await Promise.all(Array.from({ length: calls }, () => call(pool)))
  await pool.close()
  await server.close()
  return outcomes.filter(Boolean).length
}

/** @returns the status */
async function complete(pool: Pool): Promise<number> {
  const response = await pool.request({ method: 'POST', path: '/v1/chat/completions', headers: HEADERS, body: BODY })
  await response.body.dump()
  return response.statusCode
}

async function rateOf(pool: Pool): Promise<number> {
  const startedAt = performance.now()
  let left = CALLS
  const caller = async (): Promise<void> => {
    while (left-- > 0) await complete(pool)
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, caller))
  return (CALLS / (performance.now() - startedAt)) * 1_000
}

async function startLite(program: string, serviceUrl: string, hasBudget: boolean): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'solveguard-litellm-'))
  const price = { input_cost_per_token: 0.00005, output_cost_per_token: 0.00005 }
  const params = { model: 'openai/m', api_base: `${serviceUrl}/v1`, api_key: 'none', ...price }
  const budget = { provider_budget_config: { openai: { budget_limit: 0.1, time_period: '1d' } } }
  const config = {
    model_list: [{ model_name: 'm', litellm_params: params }],
    general_settings: { master_key: KEY },
    ...(hasBudget && { router_settings: budget }),
  }
  const file = join(folder, 'config.yaml')
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(config))
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const env = { ...process.env, LITELLM_LOCAL_MODEL_COST_MAP: 'True', LITELLM_MODE: 'PRODUCTION' }
  const startedAt = performance.now()
  const args = ['--config', file, '--host', '127.0.0.1', '--port', String(port), '--telemetry', 'False']
  const child = spawn(program, args, { stdio: 'ignore', env })
  const close = async (): Promise<void> => {
    if (child.kill()) await once(child, 'exit')
    rmSync(folder, { recursive: true, force: true })
  }
  while (
    !(await fetch(`${url}/health/readiness`).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    if (child.exitCode !== null || performance.now() - startedAt > READY_WITHIN_MS) {
      await close()
      throw new Error('LiteLLM does not start')
    }
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  return { url, token: KEY, readyMs: performance.now() - startedAt, close }
}
