import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startSolverService } from '../../src/testing/service/index.js'
import { reply, serve } from '../../src/testing/shared/http.js'
import { type Received, startReceiver } from '../alerts/receiver.js'
import { startElasticsearch } from '../support/elasticsearch.js'
import { type RunningRedis, startRedis } from '../support/redis.js'
import { type ByteProxy, startByteProxy } from './byte-proxy.js'
import { type Line, PRICE, pagesOf, type RunConfiguration, type Workload } from './children/run.js'
import type { Fault } from './faults.js'
import { type Command, findInjector, type Injector } from './injector.js'
import { bundleChild, startJudges } from './judge.js'
import { type Watched, watch } from './watch.js'

/** How a run ended. */
export interface Verdict {
  /** What does not hold, as sentences. Empty where everything does. */
  readonly problems: readonly string[]
  /** Whether the fault has happened. */
  readonly reached: boolean
  /** How often each call was made, by `operation:file`. */
  readonly calls: ReadonlyMap<string, number>
  /** How many bytes passed, by `peer:direction`. */
  readonly passed: ReadonlyMap<string, number>
}

/** The stand-ins, the injector and the judges, for any number of runs. */
export interface FaultRig {
  readonly injector: Injector
  run(workload: Workload, fault: Fault): Promise<Verdict>
  /** The fewest descriptors with which Node runs a program, and the injector writes its log. */
  fewestDescriptors(): Promise<number>
  close(): Promise<void>
}

/** Whom a workload calls. Each of them is behind a proxy. */
const PEERS: Readonly<Record<Workload, readonly string[]>> = {
  solve: ['service'],
  limit: ['service'],
  stream: ['service'],
  batch: ['service'],
  recovery: ['service'],
  close: ['service'],
  orphans: ['service'],
  alerts: ['service', 'hook'],
  elasticsearch: ['service', 'elasticsearch'],
  copy: ['service', 'elasticsearch'],
  vault: ['service', 'vault'],
  redis: ['service', 'redis'],
}
/** Whether to keep the folder of each run, for a look at it. */
const KEEPS = Boolean(process.env.FAULTS_KEEP)

export async function startFaultRig(): Promise<FaultRig> {
  const folder = mkdtempSync(join(tmpdir(), 'faults-'))
  const injector = findInjector(folder)
  const script = await bundleChild('workload')
  const judges = await startJudges()
  const service = await startSolverService({ price: PRICE, solveMs: 3 })
  const { key } = service
  let redis: Promise<RunningRedis> | undefined
  let orphans: Promise<string> | undefined
  let runs = 0

  function start(
    configuration: RunConfiguration,
    fault: Fault,
    peers: Readonly<Record<string, number>>,
    log: string,
  ): Promise<Watched> {
    const call = fault.kind === 'call' ? fault : undefined
    const command = injector.command([script], { dir: configuration.dir, peers, fault: call, log })
    const env = { ...command.env, FAULTS_RUN: JSON.stringify(configuration) }
    const mayBeKilled = configuration.workload === 'orphans' || call?.what.startsWith('kill') === true
    const mayStayOpen = call?.scope === 'all'
    return watch(
      { ...(fault.kind === 'descriptors' ? limited(command, fault.most) : command), env },
      { mayBeKilled, mayStayOpen },
    )
  }

  /** The folder of a killed process that has left tasks. */
  async function makeOrphans(): Promise<string> {
    const dir = join(folder, ORPHANS)
    const configuration = { name: ORPHANS, workload: 'orphans', dir, serviceUrl: service.url, key, aheadMs: 0 } as const
    const { killed, problems } = await start(configuration, { kind: 'none' }, {}, join(folder, 'orphans.log'))
    if (!killed) throw new Error(`No tasks were left: ${problems}`)
    return dir
  }

  async function run(workload: Workload, fault: Fault): Promise<Verdict> {
    const name = `run${++runs}`
    const dir = join(folder, name)
    const log = `${dir}.log`
    const recovers = workload === 'recovery'
    if (recovers) {
      orphans ??= makeOrphans()
      cpSync(await orphans, dir, { recursive: true })
    } else mkdirSync(dir)
    const names = PEERS[workload]
    const closing: { close(): Promise<unknown> }[] = []
    const closed = <T extends { close(): Promise<unknown> }>(started: T): T => {
      closing.push(started)
      return started
    }
    try {
      const hook = names.includes('hook') ? closed(await startReceiver()) : undefined
      const elasticsearch = names.includes('elasticsearch') ? closed(await startElasticsearch()) : undefined
      const vault = names.includes('vault') ? closed(await startVault(key)) : undefined
      if (names.includes('redis')) redis ??= startRedis()
      const server = names.includes('redis') ? await redis : undefined
      const urls: Readonly<Record<string, string | undefined>> = {
        service: service.url,
        hook: hook?.url,
        elasticsearch: elasticsearch?.url,
        vault: vault && `http://127.0.0.1:${vault.port}`,
        redis: server?.url,
      }
      const proxies = new Map<string, ByteProxy>()
      for (const peer of names) {
        const cut = fault.kind === 'bytes' && fault.peer === peer ? fault : undefined
        proxies.set(peer, closed(await startByteProxy(portOf(urls[peer] ?? ''), cut)))
      }
      const configure = (urlOf: (peer: string) => string | undefined): RunConfiguration => {
        return {
          name,
          workload,
          dir,
          key,
          serviceUrl: urlOf('service') ?? '',
          hookUrl: urlOf('hook'),
          elasticsearchUrl: urlOf('elasticsearch'),
          vaultUrl: urlOf('vault'),
          redisUrl: urlOf('redis'),
          aheadMs: recovers ? ORPHANS_AGE_MS : 0,
        }
      }
      const throughProxies = configure((peer) => {
        const proxy = proxies.get(peer)
        return proxy && `${peer === 'redis' ? 'redis' : 'http'}://127.0.0.1:${proxy.port}`
      })
      const ports = Object.fromEntries([...proxies].map(([name, { port }]) => [name, port]))
      const { lines, problems, killed } = await start(throughProxies, fault, ports, log)
      const ours = recovers ? [name, ORPHANS] : [name]
      // The next process knows a channel by its address.
      const toHook = proxies.get('hook')
      toHook?.heal()
      const judged = await judges.judge({
        run: configure((peer) => (toHook && peer === 'hook' ? throughProxies.hookUrl : urls[peer])),
        tasks: service.tasks.filter(({ pageUrl }) => ours.some((one) => pageUrl.startsWith(pagesOf(one)))).length,
        killed: killed || recovers,
        mayBeTorn: killed || recovers || fault.kind === 'call' || (fault.kind === 'bytes' && fault.peer === 'redis'),
        documents: elasticsearch?.documents ?? [],
        wasBehind: lines.some((line) => line.what === 'alert' && line.code === 'AUDIT_COPY_BEHIND'),
      })
      const violations = (elasticsearch?.violations ?? []).map((what) => `Elasticsearch's contract: ${what}`)
      const { made, failed } = injector.calls(log)
      const isCall = fault.kind === 'call'
      return {
        problems: [...problems, ...judged, ...violations, ...alertProblems(lines, hook?.received, killed)],
        reached: isCall ? failed > 0 : fault.kind !== 'bytes' || [...proxies.values()].some(({ reached }) => reached),
        calls: made,
        passed: new Map(
          [...proxies].flatMap(([name, { passed }]) => [
            [`${name}:up`, passed.up],
            [`${name}:down`, passed.down],
          ]),
        ),
      }
    } finally {
      for (const one of closing) await one.close()
      if (KEEPS) console.log(`kept: ${dir}`)
      else for (const path of [dir, log]) rmSync(path, { recursive: true, force: true, maxRetries: 5 })
    }
  }

  return {
    injector,
    run,
    async fewestDescriptors() {
      const program = join(folder, 'closes.mjs')
      writeFileSync(program, `console.log(JSON.stringify({ what: 'closed' }))`)
      const command = injector.command([program], { dir: folder, log: join(folder, 'closes.log') })
      for (let most = 12; ; most++) {
        const { problems } = await watch(limited(command, most), { mayBeKilled: false })
        if (problems.length === 0) return most
      }
    },
    async close() {
      await judges.close()
      await service.close()
      await (await redis)?.stop()
      rmSync(script, { force: true })
      if (!KEEPS) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

/** The name of the run that leaves tasks. */
const ORPHANS = 'orphans'
/** Longer than the lease of a process. */
const ORPHANS_AGE_MS = 45_000

/** The same command, in a process that may open only that many descriptors. */
function limited({ program, args, env }: Command, descriptors: number): Command {
  return { program: 'sh', args: ['-c', `ulimit -n ${descriptors}; exec "$0" "$@"`, program, ...args], env }
}

/** What is wrong with the alerts that arrived. A killed process cannot deliver what it has only just raised. */
function alertProblems(lines: readonly Line[], received: readonly Received[] | undefined, killed: boolean): string[] {
  if (received === undefined) return []
  const problems: string[] = []
  const bodies = new Map<string, string>()
  for (const { headers, body } of received) {
    const id = String(headers['webhook-id'])
    if ((bodies.get(id) ?? body) !== body) problems.push(`the alert ${id} arrived with two texts`)
    bodies.set(id, body)
  }
  const arrived = [...bodies.values()].filter((body) => body.includes('BUDGET_THRESHOLD')).length
  const raised = lines.filter((line) => line.what === 'alert' && line.code === 'BUDGET_THRESHOLD').length
  if (!killed && arrived < raised) problems.push(`${raised} alerts were raised, and ${arrived} arrived`)
  return problems
}

/** Answers as Vault does for KV, version 2 (https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2). */
function startVault(key: string): ReturnType<typeof serve> {
  const metadata = { version: 1, created_time: '2026-01-01T00:00:00Z', deletion_time: '', destroyed: false }
  return serve((request, response) => {
    const isSecret = request.url === '/v1/secret/data/captcha'
    const data = isSecret ? { data: { key }, metadata } : { ttl: 0, renewable: false }
    reply(response, 'json', JSON.stringify({ data }))
  })
}

function portOf(url: string): number {
  return Number(new URL(url).port)
}
