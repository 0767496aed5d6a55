import type { CorpusPage, ExpectedWidget, Step } from './format.js'
import type { CorpusSite } from './site.js'

/** What a person does in a page, by whichever browser tool. */
export interface Hands {
  /** How long something may take that should happen, ms. */
  readonly patienceMs: number
  goto(url: string): Promise<void>
  click(selector: string, frame?: string): Promise<void>
  fill(selector: string, text: string, frame?: string): Promise<void>
  choose(selector: string, value: string, frame?: string): Promise<void>
  see(selector: string, frame?: string): Promise<void>
  until(expression: string): Promise<void>
  /** Resolves when the page has loaded what it was loading. */
  settled(): Promise<void>
}

/** Finds and solves, and throws where something differs from what is expected. */
export type Solve = (expected: readonly ExpectedWidget[], page: CorpusPage) => Promise<void>

/** Does what the page's file says, in order. Throws where the page, or its server, shows something else. */
export async function runPage(page: CorpusPage, hands: Hands, site: CorpusSite, solve: Solve): Promise<void> {
  site.forget(page)
  await hands.goto(site.urlOf(page))
  await hands.settled()
  for (const step of page.steps) await take(step, page, hands, solve)
  await sent(page, site, hands)
  await hands.settled()
  if (page.shows) await hands.see(page.shows)
  const more = site.submissions(page).slice(page.proof.length)
  if (more.length > 0) throw new Error(`The page sent more than expected: ${JSON.stringify(more)}`)
}

async function take(step: Step, page: CorpusPage, hands: Hands, solve: Solve): Promise<void> {
  if (step === 'solve' || 'solve' in step) {
    await hands.settled()
    return solve(step === 'solve' ? page.widgets : step.solve, page)
  }
  if ('click' in step) return hands.click(step.click, step.in)
  if ('fill' in step) return hands.fill(step.fill, step.with, step.in)
  if ('choose' in step) return hands.choose(step.choose, step.value, step.in)
  if ('see' in step) return hands.see(step.see, step.in)
  return hands.until(step.until)
}

/** Waits until the server has taken what it waits for. */
async function sent(page: CorpusPage, site: CorpusSite, { patienceMs }: Hands): Promise<void> {
  const missing = () => page.proof.slice(site.submissions(page).length)
  const refused = () => site.submissions(page).filter((one) => one.refused !== undefined)
  await becomes(() => missing().length === 0 || refused().length > 0, patienceMs)
  const [first] = refused()
  if (first) throw new Error(`The server refused ${first.path}: ${first.refused}`)
  const [none] = missing()
  if (none) throw new Error(`Nothing was sent to ${none.path}.`)
}

/** As long as a busy machine may need, ms: only a page that is wrong waits for so long. */
export const PATIENCE_MS = 30_000

/** Whether a condition becomes true in time. */
export async function becomes(condition: () => boolean | Promise<boolean>, patienceMs = PATIENCE_MS): Promise<boolean> {
  const until = performance.now() + patienceMs
  for (;;) {
    if (await condition()) return true
    if (performance.now() > until) return false
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/**
 * How a list of widgets differs from what is expected; undefined if it does not. The order does not matter.
 */
export function difference(expected: readonly ExpectedWidget[], found: readonly object[]): string | undefined {
  const left = [...found]
  const missing = expected.filter((wanted) => {
    const at = left.findIndex((one) => isLike(wanted, one))
    if (at >= 0) left.splice(at, 1)
    return at < 0
  })
  if (missing.length === 0 && left.length === 0) return undefined
  const lines = [...missing.map((one) => `- expected ${text(one)}`), ...left.map((one) => `+ found    ${text(one)}`)]
  return lines.join('\n')
}

function isLike(wanted: ExpectedWidget, found: object): boolean {
  const entries = Object.entries(wanted).map(([name, value]) => [name, value ?? undefined] as const)
  return entries.every(([name, value]) => Reflect.get(found, name) === value)
}

/** Without what is long, and the same for all. */
function text(widget: object): string {
  const hidden = ['id', 'pageUrl', 'scriptUrl', 'expired']
  return JSON.stringify(Object.fromEntries(Object.entries(widget).filter(([name]) => !hidden.includes(name))))
}
