import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { SERVICE_NAMES } from '../../wires/services.js'
import { defaultAnswer } from '../service/default-answer.js'
import { type ServiceAnswer, type ServiceTask, type SolverService, startSolverService } from '../service/index.js'
import { reply, serve } from '../shared/http.js'
import { type StartedVendors, VENDOR_STARTERS } from '../vendors/starters.js'
import {
  addressesBelow,
  STAND_IN_KEY,
  type StandInAddresses,
  type StandInServiceName,
  type StandInVendor,
} from './addresses.js'

/** Proofs of work are not among them: each site serves its own, with its own options. */
const { altcha: _altcha, cap: _cap, ...STARTERS } = VENDOR_STARTERS

const MUCH_MONEY_USD = 1_000_000
/** As sites want it of a person. */
const GOOD_SCORE = 0.9

type Vendors = StartedVendors<StandInVendor>

/** Options of the stand-ins that run together. */
export interface StandInsOptions {
  /**
   * The port on 127.0.0.1.
   * @default any free port
   */
  readonly port?: number | undefined
  /**
   * The address to listen on. On any other address than loopback, every machine that reaches it can use the stand-ins:
   * they ask for no password, and have no limits.
   * @default '127.0.0.1'
   */
  readonly host?: string | undefined
  /**
   * How long the services take to solve a task, ms.
   * @default 0
   */
  readonly solveMs?: number | undefined
}

/** All stand-ins at one address, and each of them for the process that has started them. */
export interface StandIns extends StandInAddresses, AsyncDisposable {
  /** The vendors' stand-ins, for `setBehavior` and the like. */
  readonly standIns: Vendors
  /** The services' stand-ins, by the name of the service. */
  readonly services: Readonly<Record<StandInServiceName, SolverService>>
  /** Closes all of them. */
  close(): Promise<void>
}

/**
 * Starts a stand-in of each vendor and of each solver service, at one address. What a service sells, the vendor's
 * verify endpoint accepts.
 *
 * @example
 * await using standIns = await startStandIns({ port: 4100 })
 * await routeVendors(context, standIns.vendors)
 */
export async function startStandIns({ port, host, solveMs = 0 }: StandInsOptions = {}): Promise<StandIns> {
  const standIns = await startVendors()
  const services = Object.fromEntries(
    await Promise.all(
      SERVICE_NAMES.map(async (name) => [
        name,
        await startSolverService({
          as: name,
          keys: { [STAND_IN_KEY]: MUCH_MONEY_USD },
          solveMs,
          answer: (task) => answerOf(standIns, task),
        }),
      ]),
    ),
  ) as Record<StandInServiceName, SolverService>
  const behind = [...Object.values(standIns), ...Object.values(services)]
  const closeBehind = () => Promise.all(behind.map((one) => one.close()))
  // Last of all: what answers can be used. A port that is taken leaves nothing behind.
  const server = await serve(handle, port, host).catch(async (error: unknown) => {
    await closeBehind()
    throw error
  })

  function handle(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://stand-ins')
    const [, kind = '', name = '', ...rest] = url.pathname.split('/')
    const target = targetOf(kind, name)
    if (kind === 'health') reply(response, 'json', '{"status":"ok"}')
    else if (target === undefined) reply(response, 'html', '', { status: 404 })
    else forward(request, response, `${target}${kind === 'verify' ? '' : `/${rest.join('/')}`}${url.search}`)
  }

  function targetOf(kind: string, name: string): string | undefined {
    if (kind === 'services') return isService(name) ? services[name].url : undefined
    if (!isVendor(name)) return undefined
    return kind === 'vendors' ? standIns[name].url : kind === 'verify' ? standIns[name].verifyUrl : undefined
  }

  async function close(): Promise<void> {
    await Promise.all([server.close(), closeBehind()])
  }

  return {
    ...addressesBelow(`http://127.0.0.1:${server.port}`),
    standIns,
    services,
    close,
    [Symbol.asyncDispose]: close,
  }
}

async function startVendors(): Promise<Vendors> {
  const started = Object.entries(STARTERS).map(async ([vendor, start]) => [vendor, await start()])
  return Object.fromEntries(await Promise.all(started)) as Vendors
}

/** An answer that the vendor has issued for the task, so that it accepts it. */
function answerOf(vendors: Vendors, task: ServiceTask): ServiceAnswer {
  const { family = '', sitekey, fields, pageUrl } = task
  if (!isVendor(family)) return defaultAnswer(task)
  const hostname = URL.canParse(pageUrl) ? new URL(pageUrl).hostname : undefined
  if (family === 'geetest') {
    const { fields: values } = vendors.geetest.issue({ sitekey, challenge: fields.challenge || undefined, hostname })
    return values ?? {}
  }
  // As the form family and the task family have it.
  const action = (fields.pageAction ?? fields.action) || undefined
  const score = action === undefined ? undefined : GOOD_SCORE
  return vendors[family].issue({ sitekey, hostname, action, score, cdata: fields.data })
}

function isVendor(name: string): name is StandInVendor {
  return Object.hasOwn(STARTERS, name)
}

function isService(name: string): name is StandInServiceName {
  return (SERVICE_NAMES as readonly string[]).includes(name)
}

/** Passes a request on, and its reply back, byte by byte. */
function forward(request: IncomingMessage, response: ServerResponse, url: string): void {
  const target = new URL(url)
  const { method, headers } = request
  const onward = httpRequest(target, { method, headers: { ...headers, host: target.host } }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.on('error', () => response.destroy())
    answer.pipe(response)
  })
  onward.on('error', () => response.destroy())
  response.on('close', () => onward.destroy())
  request.pipe(onward)
}
