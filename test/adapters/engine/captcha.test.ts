import { expect, test } from 'vitest'
import type { DriverFrame, DriverPage } from '../../../src/adapters/driver.js'
import { createCaptcha } from '../../../src/adapters/engine/captcha.js'
import { undoCall } from '../../../src/widgets/calls.js'
import { fakeGrant } from '../fake-grant.js'

test('also undoes a document that is created while the captcha closes', async () => {
  const documents: string[][] = [[]]
  const frame: DriverFrame = {
    url: () => 'http://127.0.0.1/',
    name: () => '',
    parent: () => undefined,
    isDetached: () => false,
    evaluate: async (expression) => void documents.at(-1)?.push(expression),
  }
  const page: DriverPage = { frames: () => [frame], isClosed: () => false, watch: () => () => {} }
  const captcha = await createCaptcha(fakeGrant({ issue: () => '' }), {
    page: () => page,
    pages: () => [page],
    install: async (script) => async () => {
      // The browser has not removed the script yet.
      await new Promise(setImmediate)
      documents.push([script])
    },
  })
  await captcha.close()
  expect(documents.at(-1)?.at(-1)).toBe(undoCall)
})
