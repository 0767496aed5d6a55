import { type ChildProcess, spawn } from 'node:child_process'
import { remote } from 'webdriverio'
import { CHROMIUM_FLAGS } from '../../../scripts/find-browser.mjs'
import { freePort } from '../../support/loopback.js'
import { eventually } from '../tool.js'
import { browserFolder } from './browser-folder.js'

/** A WebdriverIO session over a chromedriver of its own, which writes its log into a folder. */
export interface RunningSession {
  readonly browser: WebdriverIO.Browser
  close(): Promise<void>
}

/** @param bidi whether it uses BiDi, WebdriverIO's default, or classic WebDriver */
export async function startWebdriverIO({ bidi, log }: { bidi: boolean; log: string }): Promise<RunningSession> {
  const port = await freePort()
  const { env, remove } = browserFolder()
  const driver = spawn('chromedriver', [`--port=${port}`], { env, stdio: 'ignore' })
  const ended = new Promise<void>((resolve) => void driver.once('close', () => resolve()))
  const end = async () => {
    driver.kill()
    await ended
    await remove()
  }
  try {
    await ready(driver, port)
    const browser = await remote({
      hostname: '127.0.0.1',
      port,
      logLevel: 'trace',
      outputDir: log,
      // On a busy machine, a page takes longer than the 5 s that are the default.
      waitforTimeout: 60_000,
      capabilities: {
        browserName: 'chrome',
        'wdio:enforceWebDriverClassic': !bidi,
        'goog:chromeOptions': {
          args: ['--headless=new', ...CHROMIUM_FLAGS],
          ...(process.env.CHROMIUM_PATH ? { binary: process.env.CHROMIUM_PATH } : {}),
        },
      },
    })
    return {
      browser,
      async close() {
        await browser.deleteSession()
        await end()
      },
    }
  } catch (error) {
    await end()
    throw error
  }
}

async function ready(driver: ChildProcess, port: number): Promise<void> {
  let failed: Error | undefined
  driver.on('error', (error) => {
    failed = error
  })
  await eventually(async () => {
    if (failed) throw failed
    const answer = await fetch(`http://127.0.0.1:${port}/status`).catch(() => undefined)
    return answer?.ok ?? false
  })
}
