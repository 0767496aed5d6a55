import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { CODES, type Code, type CodeInfo } from '../../src/base/errors.js'
import { EXIT_CODES, exitCodeOf } from '../../src/cli/exit-codes.js'

const codes = Object.keys(CODES) as Code[]
const page = readFileSync(new URL('../../docs/exit-codes.md', import.meta.url), 'utf8')

/** The table of the page. */
const rows = [...page.matchAll(/^\| (\d+) \| (.*?) \| (.*?) \|$/gm)].map(([, exitCode, meaning, named = '']) => ({
  exitCode: Number(exitCode),
  meaning,
  codes: [...named.matchAll(/`([A-Z_]+)`/g)].map(([, code]) => code),
}))

describe('exit codes', () => {
  it.each(codes)('%s has one', (code) => {
    expect(exitCodeOf(code)).toBeDefined()
  })

  it('are 3, 4 or 5 for what a layer denies', () => {
    const denials = codes.filter((code) => 'layer' in CODES[code])
    for (const code of denials) expect([3, 4, 5]).toContain(exitCodeOf(code))
  })

  it('are never 3 where money may have been spent', () => {
    for (const code of codes) {
      const { layer }: CodeInfo = CODES[code]
      if (exitCodeOf(code) === 3) expect(layer).toBeDefined()
    }
  })

  it('are in docs/exit-codes.md, each with its codes', () => {
    const expected = Object.entries(EXIT_CODES).map(([exitCode, meaning]) => ({
      exitCode: Number(exitCode),
      meaning,
      codes: codes.filter((code) => exitCodeOf(code) === Number(exitCode)),
    }))
    expect(rows).toEqual(expected)
  })
})
