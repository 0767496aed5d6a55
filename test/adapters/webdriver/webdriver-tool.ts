import type { SessionCaptcha } from '../../../src/adapters/webdriver/index.js'
import { eventually, type ToolPage } from '../tool.js'

/** A WebDriver client, as the tests need it. Elements are the client's own. */
export interface Client<E> {
  get(url: string): Promise<unknown>
  toWindow(handle: string): Promise<unknown>
  toFrame(element: E | null): Promise<unknown>
  /** Evaluates an expression. */
  evaluate(expression: string): Promise<unknown>
  elements(selector: string): Promise<readonly E[]>
  click(element: E): Promise<unknown>
  textOf(element: E): Promise<string>
  newWindow(): Promise<string>
  closeWindow(): Promise<unknown>
  /** Runs a function before each command that evaluates in a page. */
  beforeCalls(run: () => Promise<void>): void
}

/** A function's body that gives an expression's value; `…; 0` is how the contract writes statements. */
export const bodyOf = (expression: string): string =>
  expression.endsWith('; 0') ? `${expression.slice(0, -1)}return 0` : `return ${expression}`

/**
 * A window of a WebDriver client. Its commands may be sent during a solve, so they run in `alone`, as docs/webdriver.md
 * requires.
 */
export function windowPage<E>(
  client: Client<E>,
  handle: string,
  home: string,
  captcha: () => SessionCaptcha | undefined,
): ToolPage<string> {
  const alone = <T>(commands: () => Promise<T>): Promise<T> => {
    const here = async () => {
      await client.toWindow(handle)
      return commands()
    }
    return captcha()?.alone(here) ?? here()
  }
  const first = (selector: string) => async () => (await client.elements(selector))[0]
  const click = async (selector: string): Promise<boolean> => {
    const [element] = await client.elements(selector)
    if (element) await client.click(element)
    return element !== undefined
  }
  return {
    native: handle,
    goto: (url) => alone(async () => void (await client.get(url))),
    evaluate: (expression) => alone(() => client.evaluate(expression)),
    click: (selector) => eventually(() => alone(() => click(selector))),
    clickInFrame: (address, selector) =>
      eventually(() =>
        alone(async () => {
          for (const frame of await client.elements('iframe')) {
            await client.toFrame(frame)
            const there = await client.evaluate(
              `document.readyState === "complete" && location.href.includes(${JSON.stringify(address)})`,
            )
            if (there) return click(selector)
            await client.toFrame(null)
          }
          return false
        }),
      ),
    async text(selector) {
      await eventually(async () => (await alone(first(selector))) !== undefined)
      return alone(async () => {
        const element = await first(selector)()
        return element ? client.textOf(element) : ''
      })
    },
    beforeCalls: (run) => client.beforeCalls(run),
    close: () =>
      alone(async () => {
        await client.closeWindow()
        await client.toWindow(home)
      }),
  }
}
