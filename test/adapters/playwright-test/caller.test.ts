import { expect, it } from 'vitest'
import { callerLocation } from '../../../src/adapters/playwright-test/caller.js'

const own = 'src/adapters/playwright-test'
const root = import.meta.dirname.replace(/test.adapters.playwright-test$/, '')

it.each([
  [
    'a function of a test',
    'at signIn (/suite/login.spec.ts:12:9)',
    { file: '/suite/login.spec.ts', line: 12, column: 9 },
  ],
  ['a test itself', 'at /suite/a.spec.ts:3:14', { file: '/suite/a.spec.ts', line: 3, column: 14 }],
  ['an async frame', 'at async file:///suite/b%20c.spec.ts:1:2', { file: '/suite/b c.spec.ts', line: 1, column: 2 }],
  ['a method', 'at async Object.run (file:///suite/d.ts:5:6)', { file: '/suite/d.ts', line: 5, column: 6 }],
])('finds %s', (_, line, location) => {
  const above = `    at tell (${root}${own}/test-captcha.ts:1:1)\n    at step (/suite/node_modules/playwright/lib/x.js:1:1)`
  expect(callerLocation(`Error\n${above}\n    ${line}\n    at later (/suite/z.ts:1:1)`)).toEqual(location)
})

it('finds nothing where only the runner called', () => {
  expect(callerLocation('Error\n    at node:internal/x:1:1\n    at run (/a/node_modules/playwright/y.js:1:1)')).toBe(
    undefined,
  )
  expect(callerLocation(undefined)).toBe(undefined)
})
