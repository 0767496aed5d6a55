import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * Files that take the most CPU time, most first: begun last, one of them would run alone in the end. Of each project,
 * those with ten seconds and more, by what the file's processes used on their own.
 */
const SLOWEST = [
  'adapters/puppeteer-firefox.pages',
  'adapters/webdriver/classic.pages',
  'adapters/playwright.pages',
  'adapters/webdriver/bidi.pages',
  'adapters/puppeteer.pages',
  'widgets/families/geetest.pages',
  'widgets/signs.pages',
  'widgets/families/hcaptcha.pages',
  'widgets/families/turnstile.pages',
  'adapters/webdriver/sessions.pages',
  'widgets/solutions.pages',
  'widgets/families/recaptcha.pages',
  'adapters/webdriver/webdriverio.pages',
  'widgets/hostile.pages',
  'widgets/corpus.pages',
  'widgets/sight-firefox.pages',
  'guard/crash.processes',
  'ledger/file.processes',
  'adapters/playwright-test.processes',
  'intercept/register.processes',
  'e2e/demo.processes',
  'ledger/redis-crash.processes',
  'guard/ending.processes',
  'base/bounded-bytes.processes',
  'secrets/vault.processes',
  'ledger/redis-server.processes',
  'audit/verify',
  'ledger/file',
  'guard/hostile-parts',
  'guard/spending/money',
  'project/snippets',
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
