import type { WidgetFamily } from '../base/challenge.js'
import { type OriginPattern, originsSource } from '../policy/origin.js'
import { MAX_REPLY_LENGTH } from './bounds.js'
import { coreScript, familyScripts, holdScript, observerScript, waitScript } from './page/script.js'
import type {
  FindRequest,
  InitScriptVariables,
  PageApi,
  PageEntry,
  SealedSolution,
  WindowKey,
} from './page-kit/protocol.js'

/**
 * The texts that are evaluated in a page. Data is written as JSON, never as code: nothing that a page or a service sent
 * is ever executed. `page-kit/protocol.ts` declares what a page answers to, so a call of a method that no page has does
 * not compile.
 */

const KEY: WindowKey = 'solveguard'
const HOLD_MS: keyof InitScriptVariables = 'SOLVEGUARD_HOLD_MS'
const MAIN: keyof PageEntry = 'main'
const UNDO: keyof PageEntry = 'undo'

const ENTRY = `window[Symbol.for(${json(KEY)})]`

/**
 * The init script.
 *
 * @param holdMs for how long calls that answer by themselves are held for a solution, ms; 0: not at all
 * @param origins the origins in whose documents it does anything: nothing could end it, or release a held call, in
 *   another one. Undefined: in every document
 */
export function observerCall(
  holdMs: InitScriptVariables[typeof HOLD_MS],
  origins: readonly OriginPattern[] | undefined,
): string {
  const text = holdMs > 0 ? `${observerScript}\n${holdScript}` : observerScript
  const script = `((${HOLD_MS})=>{${text}\n})(${json(holdMs)})`
  return origins ? `if(/${originsSource(origins)}/.test(self.origin)){${script}}` : script
}

/** The scripts that are part of a call's text. A script that is in the page already changes nothing. */
export interface SentScripts {
  /** The init script: for documents in which it has not run. */
  readonly observer?: boolean
  /** The core script, which needs the init script. */
  readonly core?: boolean
  /** The scripts of these families, which need the core script. */
  readonly families: readonly WidgetFamily[]
}

/** No script: all of them are in the page. */
export const NO_SCRIPTS: SentScripts = { families: [] }

/** Finds the widgets of a frame. The value is null in a frame that does not have the core script. */
export function findCall(request: FindRequest, scripts: SentScripts): string {
  return call('find', [request], scripts)
}

/** Draws a one-time pad for a solution. Sends what the page needs when that is injected. */
export const padCall = (length: number): string => call('pad', [length], NO_SCRIPTS, BOUNDED, waitScript)

/**
 * Injects a solution. Another document may have taken the place of the one for which it was bought, and may read the
 * text of this call: it is of no use without the pad.
 */
export const injectCall = (id: string, solution: SealedSolution): string => call('inject', [id, solution])

/** Calls the page's callback for the solution that was injected. */
export const notifyPageCall = (id: string): string => call('notifyPage', [id])

/** Reports to the page's side that no solution will come. */
export const releaseCall = (id: string): string => call('release', [id])

/** Reads the progress of a proof-of-work widget, and starts it first if `start` is true. */
export const proofOfWorkCall = (id: string, start: boolean): string => call('proofOfWork', [id, start])

/** Waits in a frame until `findCall` would reply something else, for at most `ms`. The value is a promise. */
export function waitCall(ticket: string, request: FindRequest, ms: number, scripts: SentScripts): string {
  return `(async()=>(${BOUNDED})(await ${call('wait', [ticket, request, ms], scripts, '', waitScript)}))()`
}

/** Ends such a wait. */
export const endWaitCall = (ticket: string): string => call('endWait', [ticket])

/** Whether the document is still the one in which the id was assigned. */
export const isSameDocumentCall = (id: string): string => call('isSameDocument', [id])

/** Removes everything of ours from the page. */
export const undoCall = `(s=>{s&&s.${UNDO}();return null})(${ENTRY})`

/**
 * Returns a text, unless it is empty, or longer than any reply of ours: a page can answer in our place, and half a
 * gigabyte would end the process in which the browser's tool runs.
 */
const BOUNDED = `r=>typeof r==="string"&&r&&r.length<=${MAX_REPLY_LENGTH}?r:null`

function call<Method extends keyof PageApi>(
  method: Method,
  args: Parameters<PageApi[Method]>,
  { observer, core, families }: SentScripts = NO_SCRIPTS,
  bound = BOUNDED,
  more = '',
): string {
  const reply = `(s=>s&&s.${MAIN}?s.${MAIN}.${method}(${args.map(json).join(',')}):null)(${ENTRY})`
  const text = bound ? `(${bound})(${reply})` : reply
  const scripts: string[] = []
  if (observer) scripts.push(`(${HOLD_MS}=>{${observerScript}\n})()`)
  if (core) scripts.push(coreScript)
  for (const family of families) scripts.push(familyScripts[family] ?? '')
  if (more) scripts.push(more)
  return scripts.length > 0 ? `(()=>{${scripts.join('\n')}\nreturn ${text}})()` : text
}

function json(value: unknown): string {
  return JSON.stringify(value)
}
