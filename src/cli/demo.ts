// npm run demo: the main job, in a real browser. Without arguments everything it talks to is a stand-in on this machine.
import { mkdirSync, readdirSync, rmdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { type Browser, chromium } from 'playwright'
import { CHROMIUM_FLAGS, findBrowser } from '../../scripts/find-browser.mjs'
import { messageOf } from '../base/errors.js'
import { realDemo } from './demo-real.js'
import { standInDemo } from './demo-stand-in.js'
import { humanReport, jsonReport } from './report.js'
import type { DemoRun } from './run.js'

const HELP = `npm run demo                        the whole demo, on stand-ins: no key, no network, no money
npm run demo -- --headed            shows the browser
npm run -s demo -- --json           one JSON object a line, and nothing else
npm run demo -- --url https://…     a page of your own, with CaptchaAI and your key in SOLVEGUARD_KEY: spends real money`

const OPTIONS = {
  headed: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  url: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const

async function main(): Promise<boolean> {
  const write = (line: string): void => void process.stdout.write(`${line}\n`)
  const values = readArguments()
  if (typeof values === 'string') {
    process.stderr.write(`${values}\n\n${HELP}\n`)
    return false
  }
  if (values.help) {
    write(HELP)
    return true
  }
  const report = values.json ? jsonReport(write) : humanReport(write)
  const folder = join('.solveguard', 'demo', new Date().toISOString().slice(0, 19).replaceAll(':', '-'))
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  let browser: Browser | undefined
  const launch = async (): Promise<Browser> => {
    const found = await findBrowser()
    if (!found) throw new Error('no browser was found; install Google Chrome or Chromium, or set CHROMIUM_PATH')
    browser = await chromium.launch({ executablePath: found.path, args: CHROMIUM_FLAGS, headless: !values.headed })
    return browser
  }
  const started = performance.now()
  const run: DemoRun = { report, folder: relative('.', folder), browser: launch }
  try {
    const text = values.url === undefined ? await standInDemo(run) : await realDemo(run, values.url)
    report.end(true, `${text}, in ${((performance.now() - started) / 1000).toFixed(1)} s`)
    return true
  } catch (error) {
    // The browser's own messages have many lines; the first says what it is.
    report.end(false, messageOf(error).split(/[\n·]/)[0] ?? '')
    return false
  } finally {
    await browser?.close()
    // A run that got nowhere leaves no folder behind.
    if (readdirSync(folder).length === 0) rmdirSync(folder)
  }
}

/** The options, or a sentence that says what is wrong with them. */
function readArguments() {
  try {
    return parseArgs({ options: OPTIONS }).values
  } catch (error) {
    return messageOf(error).split('. ')[0] ?? ''
  }
}

process.exitCode = (await main()) ? 0 : 1
