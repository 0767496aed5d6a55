import type { Captcha, CaptchaOptions } from '../../src/adapters/engine/captcha.js'
import type { Grant, NarrowingInput } from '../../src/guard/types.js'

/** A page in a browser tool's hands, as the contract test needs it. */
export interface ToolPage<P> {
  readonly native: P
  goto(url: string): Promise<void>
  /** Evaluates an expression in the page. */
  evaluate(expression: string): Promise<unknown>
  click(selector: string): Promise<void>
  /** Clicks in the frame whose address contains a text. */
  clickInFrame(address: string, selector: string): Promise<void>
  /** The text of the first such element, once it is there. */
  text(selector: string): Promise<string>
  close(): Promise<void>
}

/** A page of a tool whose elements can be named. */
export interface ElementPage<P, E> extends ToolPage<P> {
  /** The first such element of the page, or of the frame whose address contains a text, once it is there. */
  element(selector: string, address?: string): Promise<E>
  elements(selector: string): Promise<E[]>
}

export interface ToolContext<P, E = never, Page extends ToolPage<P> = ToolPage<P>> {
  guard(grant: Grant, narrowing?: NarrowingInput, options?: CaptchaOptions<P>): Promise<Captcha<P, E>>
  newPage(): Promise<Page>
  close(): Promise<void>
}

/** A browser tool that has an adapter. */
export interface Tool<P, E = never, Page extends ToolPage<P> = ToolPage<P>> {
  readonly name: string
  /** The host of the vendor's frames. Default: one that is another site than the page's, and so another process. */
  readonly vendorHost?: string
  /** Opens a fresh browser context. */
  open(): Promise<ToolContext<P, E, Page>>
  close(): Promise<void>
}

/** A browser tool that has an adapter, and whose elements can be named. */
export type ElementTool<P, E> = Tool<P, E, ElementPage<P, E>>

/** Waits until an expression is true in the page, whatever its policy says of `eval`; the test's own time limit ends it otherwise. */
export async function until(
  page: { evaluate(expression: string): Promise<unknown> },
  expression: string,
): Promise<void> {
  while (!(await page.evaluate(`!!(${expression})`))) await new Promise((resolve) => setTimeout(resolve, 20))
}

/** Waits until a condition on this side holds. */
export async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20))
}
