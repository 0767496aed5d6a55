import { readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Browser } from 'playwright'
import { messageOf, SolveguardError } from '../base/errors.js'
import { makeFolder } from '../base/folder.js'
import { CHROMIUM_FLAGS, findBrowser, noBrowser } from './browser.js'
import { realDemo } from './real.js'
import { type DemoReport, humanReport, jsonReport } from './report.js'
import type { DemoRun } from './run.js'
import { standInDemo } from './stand-in.js'

/** The name of the command that runs the demo, with what comes before an option. */
export interface DemoCommand {
  readonly name: string
  readonly options: string
  /**
   * Whether a run that fails throws its error, for a caller that reports it in its own way.
   * @default false: it is the last line of the report, and the exit code
   */
  readonly throws?: boolean | undefined
}

function helpOf({ name, options }: Pick<DemoCommand, 'name' | 'options'>): string {
  const line = (args: string, text: string) => `${`${options} ${args}`.padEnd(36)}  ${text}`
  return [
    `${name.padEnd(36)}  the whole demo, on stand-ins: no key, no network, no money`,
    line('--headed', 'shows the browser'),
    line('--json', 'one JSON object a line, and nothing else'),
    line('--url https://…', 'a page of your own, with CaptchaAI and your key in SOLVEGUARD_KEY:'),
    `${''.padEnd(36)}  spends real money`,
  ].join('\n')
}

const OPTIONS = {
  headed: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  url: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const

/** A signal has stopped the run. */
class Interrupted extends Error {
  constructor(readonly exitCode: number) {
    super('interrupted')
  }
}

/**
 * The main job, in a real browser. Without options, all services are stand-ins on this machine.
 *
 * @param args what follows the command's name
 * @returns the exit code
 */
export async function runDemo(args: readonly string[], command: DemoCommand): Promise<number> {
  const write = (line: string): void => void process.stdout.write(`${line}\n`)
  const report = args.includes('--json') ? jsonReport(write) : humanReport(write)
  const values = readArguments(args)
  if (typeof values === 'string') {
    process.stderr.write(`${helpOf(command)}\n`)
    report.end(false, values)
    return 1
  }
  if (values.help) {
    write(helpOf(command))
    return 0
  }
  return demo(report, values.headed, values.url, command.throws === true)
}

/** @returns the exit code */
async function demo(report: DemoReport, headed: boolean, url: string | undefined, throws: boolean): Promise<number> {
  const started = performance.now()
  let folder: string | undefined
  let incomplete = false
  let launching: Promise<Browser> | undefined
  let work: Promise<string> | undefined
  try {
    const launch = await browserStart(headed)
    folder = newFolder()
    const run: DemoRun = { report, folder, browser: () => (launching ??= launch()) }
    work = url === undefined ? standInDemo(run) : realDemo(run, url)
    const text = await Promise.race([work, interruption()])
    report.end(true, `${text}, in ${((performance.now() - started) / 1000).toFixed(1)} s`)
    return 0
  } catch (error) {
    // The files of an incomplete run on stand-ins are of no use.
    incomplete = error instanceof Interrupted && url === undefined
    if (throws) throw error instanceof SolveguardError ? error : new Error(firstLine(error))
    report.end(false, firstLine(error))
    return error instanceof Interrupted ? error.exitCode : 1
  } finally {
    await (await launching?.catch(() => undefined))?.close()
    await work?.catch(() => {})
    // Nor is an empty folder.
    if (folder && (incomplete || readdirSync(folder).length === 0)) rmSync(folder, { recursive: true })
  }
}

/** Rejects at the first signal. The second one ends the process. */
function interruption(): Promise<never> {
  return new Promise((_, reject) => {
    for (const [signal, exitCode] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      process.once(signal, () => reject(new Interrupted(exitCode)))
    }
  })
}

/** Creates the folder for this run's files. */
function newFolder(): string {
  const folder = join('.solveguard', 'demo', new Date().toISOString().slice(0, 19).replaceAll(':', '-'))
  try {
    makeFolder(folder, 0o700)
  } catch (error) {
    throw new Error(`the folder ${folder} cannot be created: check that you may write here (${messageOf(error)})`)
  }
  return folder
}

/** Returns a function that starts the browser. Throws if it is clear beforehand that it cannot start. */
async function browserStart(headed: boolean): Promise<() => Promise<Browser>> {
  const chromium = await playwrightsChromium()
  const found = await findBrowser()
  if (!found) throw new Error(noBrowser())
  const { DISPLAY, WAYLAND_DISPLAY } = process.env
  if (headed && process.platform === 'linux' && !DISPLAY && !WAYLAND_DISPLAY)
    throw new Error('--headed needs a screen, and DISPLAY names none: omit it, or put `xvfb-run` before the command')
  // On a signal, this program closes the browser itself.
  const signals = { handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: true }
  return async () => {
    try {
      return await chromium.launch({ executablePath: found.path, args: CHROMIUM_FLAGS, headless: !headed, ...signals })
    } catch (error) {
      const advice = 'see what it prints when you run it, or set CHROMIUM_PATH to another'
      throw new Error(`the browser ${found.path} did not start: ${advice} (${firstLine(error)})`)
    }
  }
}

/**
 * Playwright, which users bring themselves: only adapters for it need it. npx puts this package into a folder of its
 * own, so Playwright is also looked for in the folder where the command is run.
 */
async function playwrightsChromium() {
  try {
    return (await import('playwright')).chromium
  } catch (error) {
    const here = createRequire(join(process.cwd(), 'package.json'))
    for (const name of ['playwright', 'playwright-core']) {
      const found = fromFolder(here, name)
      if (found) return found.chromium
    }
    throw new Error(`the demo needs Playwright: run \`npm install playwright\`, then try again (${firstLine(error)})`)
  }
}

function fromFolder(require: NodeJS.Require, name: string): typeof import('playwright') | undefined {
  try {
    return require(name)
  } catch {
    return undefined
  }
}

/** Playwright's messages have many lines; the first one names the problem. */
function firstLine(error: unknown): string {
  return messageOf(error).split(/[\n·]/)[0] ?? ''
}

/** The options, or a sentence about what is wrong with them. */
function readArguments(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS }).values
  } catch (error) {
    return messageOf(error).split('. ')[0] ?? ''
  }
}
