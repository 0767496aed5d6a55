import pc from 'picocolors'
import type { BenchRow } from './row.js'

/**
 * The benchmarks, by name, in the order in which they run: one after the other, so that each has the whole machine. A
 * benchmark's modules are loaded when it runs, so that they do not slow down the others.
 */
const BENCHMARKS: Readonly<Record<string, () => Promise<BenchRow[]>>> = {
  guard: async () => (await import('./guard.js')).guardBench(),
  ledger: async () => (await import('./ledger.js')).ledgerBench(),
  imports: async () => (await import('./imports.js')).importsBench(),
  cli: async () => (await import('./cli.js')).cliBench(),
  tokens: async () => (await import('./tokens.js')).tokensBench(),
  register: async () => (await import('./register.js')).registerBench(),
  secrets: async () => (await import('./secrets.js')).secretsBench(),
  'ledger-redis': async () => (await import('./ledger-redis.js')).redisBench(),
  egress: async () => (await import('./egress.js')).egressBench(),
  polls: async () => (await import('./polls.js')).pollsBench(),
  audit: async () => (await import('./audit.js')).auditBench(),
  'first-find': async () => (await import('./first-find.js')).firstFindBench(),
  broker: async () => (await import('./broker.js')).brokerBench(),
  litellm: async () => (await import('./litellm.js')).litellmBench(),
  find: async () => (await import('./find.js')).findBench(),
  inject: async () => (await import('./inject.js')).injectBench(),
  corpus: async () => (await import('./corpus.js')).corpusBench(),
  'page-load': async () => (await import('./page-load.js')).pageLoadBench(),
}

const args = process.argv.slice(2)
const asJson = args.includes('--json')
const wanted = args.filter((arg) => !arg.startsWith('--'))
const chosen = Object.entries(BENCHMARKS).filter(
  ([name]) => wanted.length === 0 || wanted.some((part) => name.includes(part)),
)
if (chosen.length === 0) {
  console.error(`No benchmark has that name. The benchmarks: ${Object.keys(BENCHMARKS).join(', ')}.`)
  process.exit(1)
}

const rows: (BenchRow & { benchmark: string })[] = []
for (const [benchmark, run] of chosen) {
  process.stderr.write(`Measuring ${benchmark}…\n`)
  rows.push(...(await run()).map((row) => ({ benchmark, ...row })))
}
console.log(asJson ? JSON.stringify(rows, null, 2) : table(rows))
process.exitCode = rows.some(({ ok }) => ok === false) ? 1 : 0

/** The rows as aligned text, with a mark for each target that was reached or missed. */
function table(list: readonly (BenchRow & { benchmark: string })[]): string {
  const cells = list.map((row) => [
    row.benchmark,
    row.name,
    `${figure(row.value)} ${row.unit}`,
    row.against ? `${figure(row.baseline)} ${row.unit}, ${row.against}` : '',
    row.ratio === undefined ? '' : `${row.ratio.toFixed(2)} ×`,
    row.target ?? '',
  ])
  const heads = ['', 'what', 'measured', 'against', 'ratio', 'target']
  const widths = heads.map((head, column) => Math.max(head.length, ...cells.map((line) => (line[column] ?? '').length)))
  const line = (texts: readonly string[]) => texts.map((text, column) => text.padEnd(widths[column] ?? 0)).join('  ')
  const verdict = ({ ok }: BenchRow) => (ok === undefined ? '' : ok ? pc.green('reached') : pc.red('MISSED'))
  return [pc.bold(line(heads)), ...cells.map((texts, i) => `${line(texts)}  ${verdict(list[i] as BenchRow)}`)].join(
    '\n',
  )
}

/** Three significant digits. */
function figure(value: number | undefined): string {
  if (value === undefined) return ''
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)))
}
