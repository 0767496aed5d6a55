import { test } from 'vitest'
import type { Captcha, CaptchaOptions } from '../../src/adapters/engine/captcha.js'
import type { Grant, NarrowingInput } from '../../src/guard/types.js'

/** A page of a browser tool, as the contract test needs it. */
export interface ToolPage<P> {
  readonly native: P
  goto(url: string): Promise<void>
  /** Evaluates an expression in the page. */
  evaluate(expression: string): Promise<unknown>
  click(selector: string): Promise<void>
  /** Clicks in the frame whose URL contains a text. */
  clickInFrame(address: string, selector: string): Promise<void>
  /** The text of the first matching element, once it exists. */
  text(selector: string): Promise<string>
  /** Runs a function before each call of the tool that evaluates in the page. */
  beforeCalls(run: () => Promise<void>): void
  close(): Promise<void>
}

/** A page of a tool whose elements can be named. */
export interface ElementPage<P, E> extends ToolPage<P> {
  /** The first matching element of the page, or of the frame whose URL contains a text, once it exists. */
  element(selector: string, address?: string): Promise<E>
  elements(selector: string): Promise<E[]>
}

export interface ToolContext<P, E = never, Page extends ToolPage<P> = ToolPage<P>> {
  guard(grant: Grant, narrowing?: NarrowingInput, options?: CaptchaOptions<P>): Promise<Captcha<P, E>>
  newPage(): Promise<Page>
  /** The page that another page opens while a function runs. */
  opened?(run: () => Promise<unknown>): Promise<Page>
  close(): Promise<void>
}

/** A browser tool that has an adapter. */
export interface Tool<P, E = never, Page extends ToolPage<P> = ToolPage<P>> {
  readonly name: string
  /** The host of the vendor's frames. Default: a host of another site than the page's, and so another process. */
  readonly vendorHost?: string
  /** Whether pages that other pages open are watched from the start. */
  readonly popups?: true
  /** Whether the tests of what the engine decides by itself, the same with each tool, are run with this one. */
  readonly runsEngineTests?: true
  /** How often a solve calls into the page. */
  readonly callsOfASolve: number
  /** Opens a fresh browser context. */
  open(): Promise<ToolContext<P, E, Page>>
  close(): Promise<void>
}

/** A browser tool that has an adapter, and whose elements can be named. */
export type ElementTool<P, E> = Tool<P, E, ElementPage<P, E>>

/**
 * `test` for what the engine decides by itself: it is run with one tool, and the tests beside it show with each tool
 * that its calls arrive in the page.
 */
export function engineTests(tool: { readonly runsEngineTests?: true }): Declare {
  return tool.runsEngineTests ? test : () => {}
}

type Declare = (title: string, run: () => Promise<void>) => void

/** Waits until an expression is true in the page, also if its CSP forbids `eval`, or until the test's time limit. */
export async function until(
  page: { evaluate(expression: string): Promise<unknown> },
  expression: string,
): Promise<void> {
  while (!(await page.evaluate(`!!(${expression})`))) await new Promise((resolve) => setTimeout(resolve, 20))
}

export { eventually } from '../support/wait.js'

/** Runs a function before each call of an object's method, until what it returns is called. */
export function runBefore<Name extends string>(
  object: { readonly [name in Name]: (...given: never[]) => unknown },
  name: Name,
  run: (given: never) => Promise<void>,
): () => void {
  const original = object[name]
  const replace = (value: unknown) => Object.assign(object, { [name]: value })
  replace(async (...given: never[]) => {
    await run(given[0] as never)
    return original.apply(object, given)
  })
  return () => void replace(original)
}
