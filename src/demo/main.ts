// npm run demo: the main job, in a real browser. Without arguments, all services are stand-ins on this machine.
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Browser, chromium } from 'playwright'
import { CHROMIUM_FLAGS, findBrowser, noBrowser } from '../../scripts/find-browser.mjs'
import { messageOf } from '../base/errors.js'
import { realDemo } from './real.js'
import { type DemoReport, humanReport, jsonReport } from './report.js'
import type { DemoRun } from './run.js'
import { standInDemo } from './stand-in.js'

const HELP = `npm run demo                        the whole demo, on stand-ins: no key, no network, no money
npm run demo -- --headed            shows the browser
npm run -s demo -- --json           one JSON object a line, and nothing else
npm run demo -- --url https://…     a page of your own, with CaptchaAI and your key in SOLVEGUARD_KEY:
                                    spends real money`

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

async function main(): Promise<number> {
  const write = (line: string): void => void process.stdout.write(`${line}\n`)
  const report = process.argv.includes('--json') ? jsonReport(write) : humanReport(write)
  const values = readArguments()
  if (typeof values === 'string') {
    process.stderr.write(`${HELP}\n`)
    report.end(false, values)
    return 1
  }
  if (values.help) {
    write(HELP)
    return 0
  }
  return demo(report, values.headed, values.url)
}

/** @returns the exit code */
async function demo(report: DemoReport, headed: boolean, url: string | undefined): Promise<number> {
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
    report.end(false, firstLine(error))
    if (!(error instanceof Interrupted)) return 1
    // The files of an incomplete run on stand-ins are of no use.
    incomplete = url === undefined
    return error.exitCode
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
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new Error(`the folder ${folder} cannot be created: check that you may write here (${messageOf(error)})`)
  }
  return folder
}

/** Returns a function that starts the browser. Throws if it is clear beforehand that it cannot start. */
async function browserStart(headed: boolean): Promise<() => Promise<Browser>> {
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

/** Playwright's messages have many lines; the first one names the problem. */
function firstLine(error: unknown): string {
  return messageOf(error).split(/[\n·]/)[0] ?? ''
}

/** The options, or a sentence about what is wrong with them. */
function readArguments() {
  try {
    return parseArgs({ options: OPTIONS }).values
  } catch (error) {
    return messageOf(error).split('. ')[0] ?? ''
  }
}

process.exitCode = await main()
