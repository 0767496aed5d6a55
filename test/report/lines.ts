import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ReportPage, reportPage } from '../../src/report/page.js'
import { readReport } from '../../src/report/read.js'
import { HOUR, NOON } from './log.js'

/** What an attacker writes to get a script into the page, or a text that reads as another one. */
export const HOSTILE = [
  '</style><script>alert(1)</script>',
  '"><img src=https://evil.example/x onerror=alert(1)>',
  "' onload='alert(1)' x='",
  '</text></svg><iframe srcdoc="<script>alert(1)</script>"></iframe>',
  '\u202egro.elpmaxe\u202c \u2066anna\u2069 \u200f\u0000\u001b[2J\u2028<base href=//evil.example>',
  '<!--<![CDATA[&lt;script&gt;]]>',
  '\ud800<link rel=stylesheet href=//evil.example>',
  '<b>'.repeat(21_845),
] as const

/** Lines of a log that an attacker wrote: each text of each record is the given one. */
export function hostileLines(text: string, at = NOON): string[] {
  const ids = { solve_id: `${text}-solve`, task_id: `${text}-task` }
  const lineOf = (action: string, event: object, more: object, ours: object) =>
    JSON.stringify({
      '@timestamp': new Date(at).toISOString(),
      event: { action, code: text, reason: text, ...event },
      ...{ service: { name: text }, user: { name: text }, url: { scheme: text, domain: text }, ...more },
      solveguard: {
        ...{ challenge: { family: text, sitekey: text, variant: text }, solver: text, layer: text },
        ...{ key: { version: text, fingerprint: text }, budgets: [`${text}/~${text}`], ...ours },
      },
    })
  return [
    lineOf('authorized', {}, {}, { ...ids, reserved_micros: 3_000 }),
    lineOf('solved', { outcome: 'success', duration: 9e9 }, {}, { ...ids, cost_micros: 1_000 }),
    lineOf('authorized', {}, {}, { solve_id: `${text}-open`, reserved_micros: 3_000 }),
    lineOf('denied', { outcome: 'failure' }, { error: { code: text, message: text } }, { count: 3 }),
    lineOf('alert', {}, {}, {}),
    lineOf('paused', {}, {}, {}),
    `${text}`,
  ]
}

/** Writes lines as a file of a log, of a day. */
export function writeLines(dir: string, day: string, lines: readonly string[]): void {
  writeFileSync(join(dir, `${day}-1-000000000000-0001.jsonl`), lines.map((line) => `${line}\n`).join(''))
}

/** What is read of a log, with a ledger that cannot be reached. */
export function pageOf(dir: string, since?: number, problem = 'The ledger is away.'): Promise<ReportPage> {
  const openReader = () => Promise.reject(new Error(problem))
  const source = { dir, openReader, clock: { now: () => NOON + HOUR }, guards: [] }
  return readReport(source, { now: NOON + HOUR, timeZone: 'Europe/Berlin', since })
}

/** The page of it. */
export async function htmlOf(dir: string, since?: number, problem?: string): Promise<string> {
  return reportPage(await pageOf(dir, since, problem))
}
