import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Files that take longest, longest first: begun last, one of them would run alone in the end. */
const SLOWEST = [
  'adapters/puppeteer-firefox.pages',
  'adapters/webdriver/classic.pages',
  'adapters/webdriver/bidi.pages',
  'adapters/playwright.pages',
  'adapters/puppeteer.pages',
  'adapters/webdriver/sessions.pages',
  'e2e/demo.processes',
  'guard/crash.processes',
  'ledger/file.processes',
  'ledger/redis-crash.processes',
  'ledger/redis-server.processes',
  'secrets/vault.processes',
  'guard/spending/money',
  'policy/schedule',
  'project/docs',
].map((name) => `/test/${name}.test.ts`)

/** One project after the other, because a process runs files of one project only; in each, the slowest files first. */
export class TestOrder extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const index = SLOWEST.findIndex((end) => moduleId.endsWith(end))
      return index === -1 ? SLOWEST.length : index
    }
    const projects = ['pages', 'processes', 'faults', 'core']
    return (await super.sort(files)).sort(
      (a, b) => projects.indexOf(a.project.name) - projects.indexOf(b.project.name) || rank(a) - rank(b),
    )
  }
}
