import { InvalidArgumentError } from 'commander'
import { messageOf } from '../../base/errors.js'
import type { StandIns } from '../../testing/stand-ins/start.js'
import { defineCommand } from '../command.js'
import type { CommandContext } from '../context.js'
import { Interruption, usageError } from '../failure.js'
import { table } from '../table.js'

interface StandInsCommandOptions {
  readonly port?: number
  readonly host: string
  readonly solveMs: number
}

const MAX_PORT = 65_535
const MAX_SOLVE_MS = 600_000

export const command = defineCommand<StandInsCommandOptions>({
  examples: ['solveguard stand-ins --port 4100', 'solveguard stand-ins --solve-ms 500 --json'],
  endsItself: true,
  define: (command) =>
    command
      .option('--port <port>', 'where they listen (default: any free port)', wholeNumber(MAX_PORT))
      .option('--host <address>', 'the address; another one than loopback gives them to the network', '127.0.0.1')
      .option('--solve-ms <ms>', 'how long the services take to solve a task', wholeNumber(MAX_SOLVE_MS), 0),
  async run(context, options) {
    const { signal } = context
    signal.throwIfAborted()
    const standIns = await start(options)
    context.defer(() => standIns.close())
    const { value, text } = describe(standIns, context)
    context.result(value, text)
    if (!isLoopback(options.host)) {
      context.note(`They listen on ${options.host}: every program that reaches this address can use them.`)
    }
    context.note('They run until Ctrl+C.')
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true })
      if (signal.aborted) resolve()
    })
    return signal.reason instanceof Interruption ? signal.reason.exitCode : 0
  },
})

async function start(options: StandInsCommandOptions): Promise<StandIns> {
  const { startStandIns } = await import('../../testing/stand-ins/start.js')
  try {
    return await startStandIns(options)
  } catch (error) {
    throw usageError(`The stand-ins cannot listen on ${options.host}:${options.port ?? 0} (${messageOf(error)}).`)
  }
}

/** What to set, for programs and for people. */
function describe(standIns: StandIns, { columns, colors }: CommandContext) {
  const { url, healthUrl, key, services: made, standIns: vendors } = standIns
  const names = <T extends string>(of: Readonly<Record<T, unknown>>) => Object.keys(of) as T[]
  const services = Object.fromEntries(names(made).map((name) => [name, standIns.serviceUrl(name)]))
  const verify = Object.fromEntries(names(vendors).map((vendor) => [vendor, standIns.verifyUrl(vendor)]))
  const env = { SOLVEGUARD_STAND_INS: url, SOLVEGUARD_KEY: key }
  const text = () =>
    [
      colors.bold('Set for your suite'),
      ...Object.entries(env).map(([name, value]) => `  ${name}=${value}`),
      '',
      colors.bold('The `baseUrl` of a solver'),
      table(Object.entries(services), columns, 2),
      '',
      colors.bold('Where your server verifies tokens, with the secret `secret-of-<sitekey>`'),
      table(Object.entries(verify), columns, 2),
      '',
      `They answer at ${healthUrl}. Nothing costs anything, and nothing leaves this machine.`,
    ].join('\n')
  return { value: { url, healthUrl, key, services, verify, env }, text }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host)
}

function wholeNumber(max: number): (text: string) => number {
  return (text) => {
    if (/^\d{1,6}$/.test(text) && Number(text) <= max) return Number(text)
    throw new InvalidArgumentError(`It takes a whole number up to ${max}.`)
  }
}
