import { execFileSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { blocks } from './blocks.js'

it('every block of a shell can be parsed by bash', () => {
  const shells = blocks.filter(({ language }) => language === 'sh')
  expect(shells.length).toBeGreaterThan(10)
  const wrong = shells.flatMap(({ at, code }) => {
    try {
      execFileSync('bash', ['-n'], { input: code, stdio: ['pipe', 'ignore', 'pipe'] })
      return []
    } catch (error) {
      return [`${at}: ${(error as { stderr: Buffer }).stderr}`]
    }
  })
  expect(wrong).toEqual([])
})
