import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findBrowser } from '../../scripts/find-browser.mjs'
import { systemClock } from '../../src/base/clock.js'
import { usd } from '../../src/policy/money.js'
import { captchaAI } from '../../src/solvers/captchaai.js'
import { type StandInSite, startRecaptcha, startSite } from '../../src/testing/index.js'
import { runCommandLine } from './host.js'
import { type TestProject, testProject } from './project.js'

let project: TestProject
let site: StandInSite
let closeAll: () => Promise<unknown>

beforeEach(async () => {
  project = await testProject()
  const recaptcha = await startRecaptcha()
  site = await startSite({ recaptcha })
  closeAll = () => Promise.all([project.close(), site.close(), recaptcha.close()])
  Object.assign(globalThis, {
    configOfTest: {
      solver: captchaAI({ baseUrl: project.service.url, polling: { firstPollMs: 1, everyMs: 5 } }),
      secret: { file: 'secrets/key' },
      policy: { origins: [site.url], budget: { perDay: usd(0.01) } },
    },
  })
  rmSync(join(project.folder, 'solveguard.config.json'))
  writeFileSync(join(project.folder, 'solveguard.config.mjs'), 'export default globalThis.configOfTest\n')
})

/** Gives the user's project this browser tool, and no other. */
function install(tool: string) {
  const folder = join(project.folder, 'node_modules')
  mkdirSync(folder)
  symlinkSync(resolve('node_modules', tool), join(folder, tool), 'junction')
}

afterEach(() => closeAll())

const solve = async (url: string) => {
  const env = { CHROMIUM_PATH: (await findBrowser())?.path }
  const args = ['solve', '--url', url, '--json']
  const { exitCode, stdout } = await runCommandLine(args, { cwd: project.folder, clock: systemClock, env })
  return { exitCode, ...JSON.parse(stdout) }
}

describe('solveguard solve --url', () => {
  it.each(['playwright', 'puppeteer-core'])('with %s finds what is due on a page and solves it', async (tool) => {
    install(tool)
    const { exitCode, solved, failed, cost } = await solve(`${site.url}/login`)
    expect({ exitCode, failed, cost }).toEqual({ exitCode: 0, failed: [], cost: 1000 })
    const [task] = project.service.tasks
    expect(solved).toMatchObject([{ family: 'recaptcha', sitekey: site.sitekey, ok: true, token: task?.answer }])
  })

  it('ends with 3 on a page that the policy does not name, in which nothing is read', async () => {
    install('playwright-core')
    const { exitCode, failed } = await solve(`${site.otherUrl}/login`)
    expect(exitCode).toBe(3)
    expect(failed).toMatchObject([{ family: null, error: { code: 'ORIGIN_NOT_NAMED' } }])
    expect(project.service.tasks).toEqual([])
  })

  it.each([
    ['no tool', [], { CHROMIUM_PATH: undefined }, 2, 'npm install playwright'],
    ['a browser that is none', ['puppeteer-core'], { CHROMIUM_PATH: '/dev/null' }, 1, 'did not start'],
    ['a page that is away', ['playwright'], {}, 1, 'could not be opened'],
  ])('with %s says what is missing', async (_, tools, more, expected, words) => {
    for (const tool of tools) install(tool)
    const env = { CHROMIUM_PATH: (await findBrowser())?.path, ...more }
    const args = ['solve', '--url', 'http://127.0.0.1:9/', '--json']
    const { exitCode, stdout } = await runCommandLine(args, { cwd: project.folder, clock: systemClock, env })
    expect({ exitCode, message: JSON.parse(stdout).error.message }).toEqual({
      exitCode: expected,
      message: expect.stringContaining(words),
    })
  })
})
