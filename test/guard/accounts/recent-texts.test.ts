import { expect, test } from 'vitest'
import { RecentTexts } from '../../../src/guard/accounts/recent-texts.js'

test('a text is new once, as long as it is one of the latest', () => {
  const recent = new RecentTexts(100)
  for (let i = 0; i < 1_000; i++) {
    expect(recent.add(`${i}`)).toBe(true)
    // Each of the latest 100 is known; of those before the latest 200, none is.
    for (const known of [i, Math.max(0, i - 50), Math.max(0, i - 99)]) expect(recent.add(`${known}`)).toBe(false)
  }
  expect(recent.add('799')).toBe(true)
})
