import { printable } from '../base/errors.js'
import type { DrillReport, DrillRow } from './types.js'

/**
 * A report as JUnit's XML, as CI systems read it. A failed row is a failure; an open one is skipped with its line, or,
 * with `strict`, a failure too.
 */
export function drillJunit({ guard, rows, durationMs, at }: DrillReport, { strict }: { strict: boolean }): string {
  const failures = rows.filter((row) => isFailure(row, strict)).length
  const skipped = rows.filter(({ state }) => state !== 'pass').length - failures
  const counts = `tests="${rows.length}" failures="${failures}" errors="0" skipped="${skipped}"`
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="solveguard drill" ${counts} time="${seconds(durationMs)}">`,
    `  <testsuite name="${xml(guard)}" ${counts} time="${seconds(durationMs)}" timestamp="${at.toISOString()}">`,
    ...rows.flatMap((row) => caseOf(row, guard, strict)),
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n')
}

function caseOf(row: DrillRow, guard: string, strict: boolean): string[] {
  const { id, scenario, state, detail, closes, durationMs, answers, atMost } = row
  const message = closes === undefined ? detail : `${detail}. Close it: ${closes}`
  const said = answers.map(({ layer, code }) => (layer ? `${layer} ${code}` : code)).join(', ')
  const result = isFailure(row, strict)
    ? [`      <failure type="${state}" message="${xml(message)}"/>`]
    : state === 'pass'
      ? []
      : [`      <skipped message="${xml(`${state}: ${message}`)}"/>`]
  const output = `answered: ${said || 'none'}; at most: ${atMost.text}`
  return [
    `    <testcase name="${xml(scenario)}" classname="${xml(`${guard}.${id}`)}" time="${seconds(durationMs)}">`,
    ...result,
    `      <system-out>${xml(output)}</system-out>`,
    '    </testcase>',
  ]
}

function isFailure({ state }: DrillRow, strict: boolean): boolean {
  return state === 'failed' || (strict && state === 'open')
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3)
}

const MAX_TEXT = 2_000
const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}
/** XML has no way to write control characters and halves of a character, not even escaped. */
function xml(text: string): string {
  const known = Buffer.from(printable(text, MAX_TEXT)).toString('utf8')
  return known.replace(/[\ufffe\uffff]/g, '\u00b7').replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? '')
}
