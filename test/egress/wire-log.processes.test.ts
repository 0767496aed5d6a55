import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { bundleForNode } from '../../scripts/page-script.mjs'
import type { HarEntry } from '../../src/egress/har.js'
import { wireLog } from '../../src/egress/wire-log.js'
import { parseHar } from '../support/har.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'solveguard-har-'))
})
afterEach(() => {
  vi.restoreAllMocks()
  rmSync(folder, { recursive: true, force: true })
})

const entry: HarEntry = {
  startedDateTime: '2026-11-24T12:00:00.000Z',
  time: 0,
  request: {
    ...{ method: 'POST', url: 'https://solver.example/in.php', httpVersion: 'HTTP/1.1' },
    ...{ cookies: [], headers: [], queryString: [], headersSize: -1, bodySize: -1 },
  },
  response: {
    ...{ status: 200, statusText: 'OK', httpVersion: 'HTTP/1.1', cookies: [], headers: [] },
    ...{ content: { size: 2, mimeType: 'text/plain', text: 'ä€' }, redirectURL: '', headersSize: -1, bodySize: -1 },
  },
  cache: {},
  timings: { blocked: 0, send: 0, wait: 0, receive: 0 },
  comment: 'a test',
}

const read = (place: string) => parseHar(readFileSync(place, 'utf8'))

/** Repairs a log that was cut off, as docs/observability.md shows: without its last line and the comma before it. */
const repaired = (text: string) => `${text.trimEnd().replace(/,?\n[^\n]*$/, '')}\n]}}`

/** Parses the log of a killed process: valid JSON, or valid without its last line. */
function readKilled(text: string) {
  try {
    JSON.parse(text)
  } catch {
    return parseHar(repaired(text))
  }
  return parseHar(text)
}

describe('a wire log', () => {
  it('is valid JSON after each entry, and readable by its owner only', () => {
    const log = wireLog(join(folder, 'logs', 'wire.har'))
    log.open()
    expect(log.place).toBe(join(folder, 'logs', `wire.${process.pid}.har`))
    expect(read(log.place).entries).toHaveLength(0)
    for (let n = 1; n <= 3; n++) {
      log.add(entry)
      expect(read(log.place).entries).toHaveLength(n)
    }
    log.close()
    log.add(entry)
    expect(read(log.place).entries).toHaveLength(3)
    expect(statSync(log.place).mode & 0o777).toBe(0o600)
  })

  it('overwrites nothing: a second log of a process has its own file', () => {
    writeFileSync(join(folder, `wire.${process.pid}.har`), 'of an earlier process with this number')
    const logs = [wireLog(join(folder, 'wire')), wireLog(join(folder, 'wire'))]
    for (const log of logs) {
      log.open()
      log.add(entry)
      log.close()
    }
    expect(readdirSync(folder).sort()).toEqual(['', '-2', '-3'].map((nth) => `wire.${process.pid}${nth}.har`).sort())
    expect(readFileSync(join(folder, `wire.${process.pid}.har`), 'utf8')).toContain('earlier')
    for (const { place } of logs) expect(read(place).entries).toHaveLength(1)
  })

  it('rejects a path that cannot be written as CONFIG_INVALID', () => {
    writeFileSync(join(folder, 'file'), '')
    expect(() => wireLog(join(folder, 'file', 'wire.har')).open()).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('options.trace') }),
    )
  })

  it('stops at its size limit with a comment, and stays valid JSON', () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const log = wireLog(join(folder, 'wire.har'), 2_000)
    log.open()
    for (let i = 0; i < 20; i++) log.add(entry)
    const { entries, comment } = read(log.place)
    expect(entries.length).toBeGreaterThan(1)
    expect(entries.length).toBeLessThan(5)
    expect(statSync(log.place).size).toBeLessThan(2_300)
    expect(comment).toMatch(/Nothing more is written .* it has reached 2000 bytes/)
    expect(warned).toHaveBeenCalledTimes(1)
  })

  it('loses only its last line, wherever a write is cut off', () => {
    const log = wireLog(join(folder, 'wire.har'))
    log.open()
    for (let n = 0; n < 3; n++) log.add(entry)
    const before = readFileSync(log.place)
    log.add(entry)
    const after = readFileSync(log.place)
    log.close()
    const from = after.findIndex((byte, at) => byte !== before[at])
    for (let end = from; end <= after.length; end++) {
      const cut = Buffer.concat([after.subarray(0, end), before.subarray(end)])
      expect([2, 3, 4]).toContain(readKilled(cut.toString()).entries.length)
    }
  })

  it('of a killed process is valid, or valid without its last line', async () => {
    const program = join(folder, 'writer.mjs')
    await bundleForNode('test/egress/children/har-writer.ts', program)
    for (let round = 0; round < 6; round++) {
      const child = spawn(process.execPath, [program, join(folder, 'wire.har')], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const [line] = await once(child.stdout, 'data')
      const place = String(line).trim()
      await vi.waitFor(() => expect(statSync(place).size).toBeGreaterThan(50_000), { timeout: 60_000, interval: 5 })
      await sleep(round * 3)
      child.kill('SIGKILL')
      await once(child, 'exit')
      expect(readKilled(readFileSync(place, 'utf8')).entries.length).toBeGreaterThan(10)
    }
  })
})
