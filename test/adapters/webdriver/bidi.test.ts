import { expect, test } from 'vitest'
import { BidiDriver } from '../../../src/adapters/webdriver/bidi.js'
import type { BidiConnection } from '../../../src/adapters/webdriver/session.js'

const NAMED = 'https://staging.example.com/login'
const OTHER = 'https://thief.example.net/'

test('a frame has the URL of its new document at once, before the next tree', async () => {
  let emit: (event: string, params: object) => void = () => {}
  const tree = [{ context: 'top', url: NAMED, children: [{ context: 'frame', url: NAMED, children: [] }] }]
  const bidi: BidiConnection = {
    send: async (method) => (method === 'browsingContext.getTree' ? { contexts: tree } : {}),
    listen(_, listener) {
      emit = listener
      return () => {}
    },
  }
  const driver = new BidiDriver(bidi)
  await driver.install('')
  const page = driver.page('top')
  await page.refresh()
  const frame = page.frames().find((one) => one.parent() !== undefined)
  const seen: (string | undefined)[] = []
  page.watch({ navigated: (one) => seen.push(one.url()), detached() {}, gone() {} })

  emit('browsingContext.navigationCommitted', { context: 'frame', navigation: '1', timestamp: 1, url: OTHER })
  // A watcher that compares origins sees the new one, and so does what asks whether the policy names the frame.
  expect(seen).toEqual([OTHER])
  expect(frame?.url()).toBe(OTHER)
  // Browsers whose events have no URL are asked for the tree, as before.
  emit('browsingContext.navigationCommitted', { context: 'frame' })
  expect(frame?.url()).toBe(OTHER)
  await page.refresh()
  expect(frame?.url()).toBe(NAMED)
})
