import { appendFileSync, copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { archiveAudit } from '../../src/audit/archive.js'
import type { AuditEvent } from '../../src/audit/sink.js'
import { micros } from '../../src/policy/money.js'
import { type Fold, type FoldOptions, fold } from '../../src/report/fold.js'
import { parseSince, parseUntil, readPeriod } from '../../src/report/period.js'
import { MAX_GROUPS } from '../../src/report/sums.js'
import { folderForEachTest } from '../audit/folder.js'
import { DAY, denial, GUARD, HOUR, NOON, solve, writeLog } from './log.js'

let dir: string
folderForEachTest((path) => {
  dir = path
})

const read = (more: Partial<FoldOptions> = {}): Promise<Fold> =>
  fold(dir, { now: NOON + HOUR, timeZone: 'UTC', ...more })

const byName = (groups: Fold['by']['subject']) => Object.fromEntries(groups.map(({ name, spent }) => [name, spent]))

describe('fold', () => {
  it('adds up what was spent, by whom, where, with what', async () => {
    await writeLog(dir, [
      ...solve({ charge: 1_000 }),
      ...solve({ charge: 2_000, subject: 'build-4711', family: 'turnstile', path: [GUARD, `${GUARD}/~a/~b`] }),
      ...solve({ charge: 500, ends: 'failed', page: 'https://pay.example.com:8443/form?card=1', keyVersion: '4' }),
      ...solve({ ends: 'never', subject: 'anna' }),
      denial({ count: 7 }),
      denial({ code: 'BUDGET_EXHAUSTED', layer: 'spending' }),
    ])
    const { total, by, denials, times, guards } = await read()
    expect(total).toEqual({
      ...{ spent: 3_500, imputed: 0, solved: 2, failed: 1, denied: 8, open: 1, openReserved: 3_000 },
    })
    expect(byName(by.subject)).toEqual({ anna: 1_500, 'build-4711': 2_000, '': 0 })
    expect(by.subject.find(({ name }) => name === 'anna')).toMatchObject({ open: 1, openReserved: 3_000, solved: 1 })
    expect(byName(by.origin)).toEqual({
      ...{ 'https://staging.example.com': 3_000, 'https://pay.example.com:8443': 500, 'https://other.example': 0 },
    })
    expect(byName(by.family)).toEqual({ recaptcha: 1_500, turnstile: 2_000, '': 0 })
    expect(byName(by.key)).toEqual({ '3 (01234567)': 3_000, '4 (01234567)': 500, '': 0 })
    expect(byName(by.token)).toEqual({ b: 2_000, '': 1_500 })
    expect(byName(by.day)).toEqual({ '2026-11-24': 3_500 })
    expect(denials).toEqual([
      { layer: 'origin', code: 'ORIGIN_NOT_NAMED', count: 7 },
      { layer: 'spending', code: 'BUDGET_EXHAUSTED', count: 1 },
    ])
    expect(times.count).toBe(2)
    expect(times.quantile(0.5)).toBeGreaterThanOrEqual(12_000)
    expect(times.quantile(0.5)).toBeLessThan(12_000 * 1.06)
    expect(guards).toMatchObject([{ guard: GUARD, spent: 3_500 }])
  })

  it('days are those of the time zone, also when its clocks change', async () => {
    // In Berlin, 25 October 2026 has 25 hours: from 22:00 to 23:00 in UTC.
    const at = [
      Date.UTC(2026, 9, 24, 21, 59),
      Date.UTC(2026, 9, 24, 22),
      Date.UTC(2026, 9, 25, 22, 59),
      Date.UTC(2026, 9, 25, 23),
    ]
    await writeLog(
      dir,
      at.flatMap((moment) => solve({ at: moment, takes: 1 })),
    )
    const { by, buckets, unit } = await read({ timeZone: 'Europe/Berlin', now: Date.UTC(2026, 9, 30) })
    expect(byName(by.day)).toEqual({ '2026-10-24': 1_000, '2026-10-25': 2_000, '2026-10-26': 1_000 })
    expect(unit).toBe('day')
    expect(buckets.slice(0, 3).map(({ spent, from, to }) => [spent, (to - from) / HOUR])).toEqual([
      [1_000, 24],
      [2_000, 25],
      [1_000, 24],
    ])
  })

  it('a task counts once, at the lowest cost, by whichever process recorded, in whichever file', async () => {
    const mine = solve({ charge: 3_000, solveId: 's1', taskId: 't1', subject: 'anna' })
    const died = solve({ ends: 'never', solveId: 's2', taskId: 't2', subject: 'bert', page: 'https://b.example/' })
    const recovered = (solveId: string, taskId: string, cost: number): AuditEvent => {
      const at = NOON + 60_000
      const facts = { guard: GUARD, path: [GUARD], family: 'recaptcha', solver: 'captchaai' }
      return { ...facts, action: 'recovered', at, solveId, taskId, cost: micros(cost) }
    }
    const logs = [
      [...mine, ...died],
      [recovered('s1', 't1', 1_000), recovered('s2', 't2', 2_000)],
      [recovered('s2', 't2', 2_500)],
    ]
    const results: unknown[] = []
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 0, 2],
      [2, 0, 1],
    ]) {
      const sub = join(dir, order.join(''))
      for (const [at, log] of order.entries()) {
        mkdirSync(join(sub, String(at)), { recursive: true })
        await writeLog(join(sub, String(at)), logs[log] ?? [])
      }
      // The files of one folder, in this order.
      const names = order.map((_, at) => join(sub, String(at)))
      mkdirSync(join(sub, 'all'))
      for (const [at, from] of names.entries()) {
        copyFileSync(join(from, readdirSync(from)[0] ?? ''), join(sub, 'all', `2026-11-24-${at}-a-0001.jsonl`))
      }
      const { total, by } = await fold(join(sub, 'all'), { now: NOON + HOUR, timeZone: 'UTC' })
      results.push([total, byName(by.subject), byName(by.origin), byName(by.day)])
    }
    const expected = [
      { spent: 3_000, imputed: 0, solved: 2, failed: 0, denied: 0, open: 0, openReserved: 0 },
      { anna: 1_000, bert: 2_000 },
      { 'https://staging.example.com': 1_000, 'https://b.example': 2_000 },
      { '2026-11-24': 3_000 },
    ]
    expect(results).toEqual([expected, expected, expected, expected])
  })

  it('a record that a sink wrote twice counts once', async () => {
    const events = solve()
    await writeLog(dir, [...events, ...events, ...solve({ taskId: '', ends: 'failed' })])
    expect((await read()).total).toMatchObject({ spent: 2_000, solved: 1, failed: 1, open: 0 })
  })

  it('whatever order the records of many solves have, the sums of each dimension are the whole', async () => {
    const arbitrary = fc.array(
      fc.record({
        subject: fc.constantFrom('a', 'b', undefined),
        family: fc.constantFrom('recaptcha', 'turnstile'),
        charge: fc.nat(5_000),
        at: fc.integer({ min: NOON - 3 * DAY, max: NOON }),
        ends: fc.constantFrom('solved' as const, 'failed' as const, 'never' as const),
      }),
      { maxLength: 12 },
    )
    let run = 0
    await fc.assert(
      fc.asyncProperty(arbitrary, async (solves) => {
        const sub = join(dir, String(run++))
        const events = solves.flatMap((each) => solve({ ...each, takes: 1 }))
        await writeLog(
          sub,
          events.sort((a, b) => a.at - b.at),
        )
        const { total, by, buckets } = await fold(sub, { now: NOON + HOUR, timeZone: 'Asia/Kathmandu' })
        const ended = solves.filter(({ ends }) => ends !== 'never')
        const spent = ended.reduce((sum, { charge }) => sum + charge, 0)
        expect(total).toMatchObject({ spent, open: solves.length - ended.length })
        for (const groups of Object.values(by)) expect(groups.reduce((sum, group) => sum + group.spent, 0)).toBe(spent)
        expect(buckets.reduce((sum, bucket) => sum + bucket.spent, 0)).toBe(spent)
      }),
      { numRuns: 25 },
    )
  })

  it('takes only the period that is asked for, and needs not read the files of others', async () => {
    await writeLog(
      dir,
      [0, 1, 2, 3, 4, 5, 6].flatMap((day) => solve({ at: NOON + day * DAY, takes: 1 })),
    )
    const now = NOON + 6 * DAY + HOUR
    const since = parseSince('2026-11-27', 'UTC', now)
    const until = parseUntil('2026-11-28', 'UTC', now)
    const { total, period, files } = await read({ now, since, until })
    expect(total.spent).toBe(2_000)
    expect(period).toEqual({ from: Date.UTC(2026, 10, 27), to: Date.UTC(2026, 10, 29) })
    expect(files).toBeLessThan(7)
  })

  it('reads days that were compressed as it read them before', async () => {
    const heads = await writeLog(
      dir,
      [0, 1, 2].flatMap((day) => solve({ at: NOON + day * DAY, takes: 1 })),
    )
    const now = NOON + 2 * DAY + HOUR
    const before = await read({ now })
    const { archived } = await archiveAudit(dir, { before: '2026-11-26', heads, now })
    expect(archived).toHaveLength(2)
    expect(await read({ now })).toEqual(before)
  })

  it('no log, an empty one, and one that is all noise are a report of nothing', async () => {
    await expect(fold(join(dir, 'none'), { now: NOON, timeZone: 'UTC' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    })
    expect(await read()).toMatchObject({ total: { spent: 0 }, files: 0, records: 0 })
    const hostile = [
      ...[
        '',
        '{}',
        '[]',
        'null',
        '"x"',
        '1e999',
        '{"event":[]}',
        '[['.repeat(50_000),
        '\u0000',
        '{"event":{"action":7}}',
      ],
      '{"@timestamp":"2026-11-24T12:00:00.000Z","event":{"action":"solved"},"solveguard":{"cost_micros":-1}}',
      '{"@timestamp":"2026-11-24T12:00:00.000Z","event":{"action":"solved"},"solveguard":{"cost_micros":1e308}}',
      '{"@timestamp":"+275760-09-13T00:00:00.000Z","event":{"action":"solved"},"solveguard":{"cost_micros":5}}',
      '{"__proto__":{"event":{"action":"solved"}}}',
    ]
    writeFileSync(join(dir, '2026-11-24-1-a-0001.jsonl'), `${hostile.join('\n')}\n`)
    writeFileSync(join(dir, '9999-99-99-1-a-0001.jsonl'), 'x\n')
    writeFileSync(join(dir, '0000-01-01-1-a-0001.jsonl'), 'x\n')
    const { total, unreadable } = await read()
    expect(total).toMatchObject({ spent: 0, solved: 1 })
    expect(unreadable).toBeGreaterThan(5)
  })

  it('one line that is far too long hides no other', async () => {
    const [head] = await writeLog(dir, solve())
    const path = join(dir, head?.file ?? '')
    appendFileSync(path, `${'x'.repeat(3 * 1024 * 1024)}\n`)
    const more = readFileSync(path)
    writeFileSync(
      join(dir, '2026-11-24-0-a-0001.jsonl'),
      Buffer.concat([Buffer.from(`${'y'.repeat(1_100_000)}\n`), more.subarray(0, 20_000)]),
    )
    const { total, unreadable } = await read()
    expect(total.solved).toBe(1)
    expect(unreadable).toBeGreaterThanOrEqual(2)
  })

  it('names are bounded in number and in length, and what is above the bound is counted together', async () => {
    const line = (subject: string) =>
      JSON.stringify({
        '@timestamp': new Date(NOON).toISOString(),
        event: { action: 'solved' },
        service: { name: GUARD },
        user: { name: subject },
        solveguard: { solve_id: subject.slice(0, 20), task_id: 't', cost_micros: 1 },
      })
    const lines = Array.from({ length: MAX_GROUPS + 500 }, (_, i) => line(`subject ${i}`))
    writeFileSync(
      join(dir, '2026-11-24-1-a-0001.jsonl'),
      `${[...lines, line(`long ${'x'.repeat(65_536)}`)].join('\n')}\n`,
    )
    const { by, total } = await read()
    expect(total.spent).toBe(MAX_GROUPS + 501)
    expect(by.subject).toHaveLength(MAX_GROUPS + 1)
    expect(by.subject.at(-1)).toMatchObject({ isRest: true, spent: 501 })
    expect(Math.max(...by.subject.map(({ name }) => name.length))).toBeLessThanOrEqual(202)
  })

  it('sums stay exact whatever a log claims', async () => {
    const line = (id: number) =>
      JSON.stringify({
        '@timestamp': new Date(NOON).toISOString(),
        event: { action: 'solved' },
        solveguard: { solve_id: `${id}`, task_id: 't', cost_micros: Number.MAX_SAFE_INTEGER },
      })
    writeFileSync(
      join(dir, '2026-11-24-1-a-0001.jsonl'),
      `${Array.from({ length: 20_000 }, (_, i) => line(i)).join('\n')}\n`,
    )
    expect(Number.isSafeInteger((await read()).total.spent)).toBe(true)
  })
})

describe('a period', () => {
  const now = Date.UTC(2026, 10, 30, 8)
  it.each([
    ['today', '2026-11-29T23:00:00.000Z', '2026-11-30T23:00:00.000Z'],
    ['yesterday', '2026-11-28T23:00:00.000Z', '2026-11-29T23:00:00.000Z'],
    ['2026-11-01', '2026-10-31T23:00:00.000Z', '2026-11-01T23:00:00.000Z'],
    ['2026-11-01T08:00', '2026-11-01T07:00:00.000Z', '2026-11-01T07:00:00.000Z'],
    ['7d', '2026-11-23T08:00:00.000Z', '2026-11-23T08:00:00.000Z'],
    ['12h', '2026-11-29T20:00:00.000Z', '2026-11-29T20:00:00.000Z'],
  ])('that begins or ends with %s', (text, since, until) => {
    expect(new Date(parseSince(text, 'Europe/Berlin', now)).toISOString()).toBe(since)
    expect(new Date(parseUntil(text, 'Europe/Berlin', now)).toISOString()).toBe(until)
  })

  it.each([
    ['Europe/Berlin', '2026-03-30T10:00Z', 23],
    ['Europe/Berlin', '2026-10-26T10:00Z', 25],
    // The clocks go back at midnight, and forward at midnight.
    ['America/Havana', '2026-11-02T15:00Z', 25],
    ['Africa/Cairo', '2026-04-25T10:00Z', 23],
    ['Australia/Lord_Howe', '2026-04-06T10:00Z', 24.5],
  ])('yesterday in %s, seen on %s, has %s hours', (timeZone, at, hours) => {
    const { since, until } = readPeriod({ since: 'yesterday', timeZone }, Date.parse(at))
    expect(((until ?? 0) - since) / 3_600_000).toBe(hours)
    expect(readPeriod({ since: 'today', timeZone }, Date.parse(at))).toMatchObject({ since: until, until: undefined })
  })

  it.each(['', 'soon', '2026-13-01', '2026-02-30', '7', '-7d', '1e9d'])('%j is none', (text) => {
    expect(() => parseSince(text, 'Europe/Berlin', now)).toThrowError(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    )
  })
})
