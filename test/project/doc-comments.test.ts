import { expect, it } from 'vitest'
import { docProblems } from '../../scripts/doc-comments.mjs'

it('finds each doc comment that lacks something', { timeout: 120_000 }, () => {
  const found = docProblems(['fixtures/doc-comments/wanting.ts'], 'fixtures/').map(
    ({ name, problem }) => `${name} ${problem}`,
  )
  expect(found).toEqual([
    'Silent has no text',
    'Silent.silent has no text',
    'WantingOptions.timeoutMs does not say ms',
    'WantingOptions.timeoutMs has no @default',
    'WantingOptions.amount does not say micro-dollars',
    'WantingOptions.amount has no @default',
    'wanting throws NO_SUCH_CODE, which is no code',
    'wanting has no @example',
    'alsoWanting throws an error without its code',
    'alsoWanting has no @example',
    'throwing throws CONFIG_INVALID, and does not say so',
    'throwing(startedAt) does not say ms',
    'limit has the default 3, not 2',
    'BaseOptions.times has no @default',
  ])
})
