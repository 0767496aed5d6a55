import { expect, test } from 'vitest'
import { ClassicDriver } from '../../../src/adapters/webdriver/classic.js'
import { ELEMENT, type SessionCommands } from '../../../src/adapters/webdriver/session.js'
import { manualClock } from '../../../src/testing/clock.js'

/** A session of one window, in which frames are never found. Counts the scans of its page. */
function fakeSession() {
  let scans = 0
  const commands: SessionCommands = {
    async execute(script) {
      if (!script.includes('document.documentElement')) return []
      scans++
      return [{ [ELEMENT]: 'root' }, []]
    },
    window: async () => 'window-1',
    windows: async () => ['window-1'],
    toWindow: async () => {},
    toFrame: async () => {},
    toParent: async () => {},
    url: async () => 'https://staging.example.com/',
    scriptTimeout: async () => 30_000,
    setScriptTimeout: async () => {},
  }
  return { commands, scans: () => scans }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('polls a watched page twice a second, by the clock that it was given', async () => {
  const clock = manualClock()
  const { commands, scans } = fakeSession()
  const driver = new ClassicDriver(commands, 5_000, clock)
  driver.isNamed = () => true
  const page = driver.page('window-1')
  const stop = page.watch({ navigated() {}, detached() {}, gone() {} })
  await turn()
  expect(scans()).toBe(0)
  for (let count = 1; count <= 3; count++) {
    await clock.advance(500)
    await turn()
    expect(scans()).toBe(count)
  }
  stop()
  await clock.advance(5_000)
  await turn()
  expect(scans()).toBe(3)
  expect(clock.waiting).toBe(0)
})
