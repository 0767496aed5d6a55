import { describe, expect, it } from 'vitest'
import { CommandError, runCommand } from '../../src/base/command.js'
import { manualClock } from '../../src/testing/clock.js'

const node = (code: string, more: Partial<Parameters<typeof runCommand>[0]> = {}) =>
  runCommand({ program: process.execPath, args: ['-e', code], timeoutMs: 30_000, maxOutputBytes: 65_536, ...more })
const failure = (run: Promise<string>): Promise<CommandError> =>
  run.then(
    () => {
      throw new Error('the command succeeded')
    },
    (error) => error,
  )

describe('runCommand', () => {
  it('resolves with what the command printed, and leaves no timer', async () => {
    const clock = manualClock()
    expect(await node("process.stdout.write('hello')", { clock })).toBe('hello')
    expect(clock.waiting).toBe(0)
  })

  it('times the command by the clock that it is given', async () => {
    const clock = manualClock()
    let settled = false
    const failed = failure(node('setInterval(() => {}, 1000)', { clock })).finally(() => {
      settled = true
    })
    await clock.advance(29_999)
    expect(settled).toBe(false)
    await clock.advance(1)
    const error = await failed
    expect(error).toBeInstanceOf(CommandError)
    expect(error.reason).toBe('timeout')
    expect(clock.waiting).toBe(0)
  })

  it('rejects for a status other than 0, too much output, an abort and a missing program', async () => {
    const reasonOf = async (run: Promise<string>) => (await failure(run)).reason
    expect(await reasonOf(node('process.exit(3)'))).toBe('exit-status')
    expect(await reasonOf(node("process.stdout.write('x'.repeat(99))", { maxOutputBytes: 98 }))).toBe(
      'output-too-large',
    )
    expect(await reasonOf(node('', { signal: AbortSignal.abort() }))).toBe('aborted')
    expect(await reasonOf(node('', { program: '/no/such/program' }))).toBe('not-started')
  })

  it('rejects where Node itself refuses to start the program', async () => {
    await expect(node('', { program: 'a\0b' })).rejects.toThrow()
  })
})
