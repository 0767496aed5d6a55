import { describe, expect, it } from 'vitest'
import { runCommandLine } from './host.js'

/** What is offered for these words. */
async function offered(...words: string[]) {
  const { exitCode, stdout } = await runCommandLine(['complete', '--', ...words])
  expect(exitCode).toBe(0)
  const lines = stdout.trimEnd().split('\n')
  return { values: lines.slice(0, -1).map((line) => line.split('\t')[0]), directive: lines.at(-1) }
}

describe('completion', () => {
  it.each(['bash', 'zsh', 'fish'])('prints a script for %s that asks the program', async (shell) => {
    const { exitCode, stdout } = await runCommandLine(['completion', shell])
    expect(exitCode).toBe(0)
    expect(stdout).toContain('solveguard complete --')
  })

  it.each(['ksh', 'powershell'])('refuses %s, for which it has no script', async (shell) => {
    expect((await runCommandLine(['completion', shell])).exitCode).toBe(2)
  })

  it.each([
    [['ba'], ['balance']],
    [['status', '--w'], ['--watch']],
    [
      ['init', '--key-in', ''],
      ['env', 'file', 'exec', 'vault'],
    ],
    [['init', '--key-in=v'], ['vault']],
    [
      ['token', 'i'],
      ['issue', 'inspect'],
    ],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
  ])('completes %j to %j, and not to files', async (words, values) => {
    expect(await offered(...words)).toEqual({ values, directive: ':4' })
  })

  it.each([[['doctor', '--config', '']], [['run', '--', '']], [['run', '--', 'node', '--']], [['solve', '--url', '']]])(
    'leaves %j to the names of files',
    async (words) => {
      expect(await offered(...words)).toEqual({ values: [], directive: ':0' })
    },
  )
})
