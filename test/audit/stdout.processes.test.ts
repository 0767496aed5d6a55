import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import pino from 'pino'
import { beforeAll, describe, expect, it } from 'vitest'
import { bundleForNode } from '../../scripts/page-script.mjs'
import { type LineStream, stdoutAudit } from '../../src/audit/stdout.js'
import { SolveguardError } from '../../src/base/errors.js'
import { authorized, denied, NOON } from './events.js'

const folder = fileURLToPath(new URL('../../node_modules/.cache/solveguard', import.meta.url))
const program = `${folder}/audit-stdout-${process.pid}.mjs`
beforeAll(async () => {
  mkdirSync(folder, { recursive: true })
  await bundleForNode('test/audit/children/stdout.ts', program)
})

function keeper(write?: LineStream['write']) {
  const lines: string[] = []
  const stream: LineStream = {
    write: write ?? ((text, written) => written(lines.push(text) ? null : undefined)),
    on: () => undefined,
    off: () => undefined,
  }
  return { lines, stream }
}

describe('stdoutAudit', () => {
  it("begins its lines like pino's own", async () => {
    const { lines, stream } = keeper()
    const sink = stdoutAudit({ stream })
    await sink.open('checkout-tests', NOON)
    await sink.write([authorized, denied])
    const own: string[] = []
    const logger = pino({ base: null }, { write: (line: string) => void own.push(line) })
    logger.info('authorized recaptcha v2-checkbox')
    logger.warn('denied ORIGIN_NOT_NAMED')
    const parsed = (text: string) => JSON.parse(text) as { level: number; msg: string; time: unknown }
    const pinos = own.map(parsed)
    const ours = lines.join('').trim().split('\n').map(parsed)
    expect(ours.map(({ level, msg }) => ({ level, msg }))).toEqual(pinos.map(({ level, msg }) => ({ level, msg })))
    for (const [index, { time }] of ours.entries()) expect(typeof time).toBe(typeof pinos[index]?.time)
  })

  it('writes the record alone with format ecs', async () => {
    const { lines, stream } = keeper()
    const sink = stdoutAudit({ stream, format: 'ecs' })
    await sink.open('checkout-tests', NOON)
    await sink.write([authorized])
    expect(Object.keys(JSON.parse(lines[0] ?? '') as object)[0]).toBe('@timestamp')
  })

  it('denies when its reader takes nothing', async () => {
    const sink = stdoutAudit({ stream: keeper(() => undefined).stream, timeoutMs: 10 })
    await sink.open('checkout-tests', NOON)
    await expect(sink.write([authorized])).rejects.toMatchObject({ code: 'AUDIT_UNAVAILABLE' })
  })

  it('denies when its reader is gone, and the process stays alive', async () => {
    const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.once('data', () => child.stdout.destroy())
    let stderr = ''
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    const [code] = (await once(child, 'close')) as [number]
    expect(code).toBe(0)
    const outcomes = JSON.parse(stderr) as string[]
    expect(outcomes[0]).toBe('written')
    expect(outcomes.at(-1)).toBe('AUDIT_UNAVAILABLE')
  })

  it('refuses a format that it does not know', () => {
    expect(() => stdoutAudit({ format: 'xml' as 'ecs' })).toThrow(SolveguardError)
  })
})
