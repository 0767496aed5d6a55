import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it, onTestFinished } from 'vitest'
import { challenge, rig } from '../guard/support.js'
import { sharedBrowser } from '../support/browser.js'

const folder = mkdtempSync(join(tmpdir(), 'solveguard-wire-'))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

it('a wire log is a valid HAR file: Playwright answers a call from it', async () => {
  const { guard, service } = await rig({ guardOptions: { trace: join(folder, 'wire.har') } })
  const { taskId } = await guard.solve(challenge)
  const [name = ''] = readdirSync(folder)
  const context = await (await sharedBrowser()).newContext()
  onTestFinished(() => context.close())
  await context.routeFromHAR(join(folder, name), { notFound: 'abort' })
  const page = await context.newPage()
  const before = service.requests.length
  await page.setContent(`<form method="post" action="${service.url}/in.php"><button>Send</button></form>`)
  await page.getByRole('button').click()
  await page.waitForURL('**/in.php')
  expect(JSON.parse(await page.locator('body').innerText())).toEqual({ status: 1, request: taskId })
  expect(service.requests.length).toBe(before)
})
