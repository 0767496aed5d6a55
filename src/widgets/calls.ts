import { MAX_REPLY_LENGTH } from './bounds.js'
import { observerScript, pageScript } from './page/script.js'

/**
 * The texts that are evaluated in a page. Data goes in as JSON, never as code: nothing that a page or a service has said
 * is ever run.
 */

const WINDOW_KEY = 'window[Symbol.for("solveguard")]'

/** A vendor's frame below the one that is looked into, as the browser knows it. */
export interface FrameHint {
  readonly name: string
  readonly url: string
}

/**
 * The init script.
 * @param holdMs for how long calls that answer by themselves are held for a solution; 0: not at all
 */
export function observerCall(holdMs: number): string {
  return `((SOLVEGUARD_HOLD_MS)=>{${observerScript}\n})(${json(holdMs)})`
}

/** Finds the widgets of a frame. With `whole`, brings along what it needs; without, gives null where that is missing. */
export function findCall(request: { most: number; frames: readonly FrameHint[] }, whole: boolean): string {
  return call('find', [request], whole)
}

/**
 * Puts a solution in, if the frame's document is still of one of these addresses' origins. What `location` says is among the few things that
 * a page cannot redefine, so another page that came here meanwhile never gets to see the token.
 *
 * @param addresses the frame's, and the one that its widget is judged by: a blank document has the latter once its parent has written it
 */
export function injectCall(
  addresses: readonly string[],
  id: string,
  solution: { token: string; fields: Readonly<Record<string, string>>; livesMs: number; unlessAnswered: boolean },
): string {
  const same = addresses.map((address) => {
    const { protocol, origin } = new URL(URL.canParse(address) ? address : 'about:blank')
    return `location.protocol+location.origin===${json(protocol + origin)}`
  })
  return `${same.join('||')}?${call('place', [id, solution], false)}:${json('{"result":"page-gone"}')}`
}

/** Tells the page of the solution that was put in. */
export const notifyPageCall = (id: string): string => call('fire', [id], false)

/** Tells the page's side that no solution will come. */
export const releaseCall = (id: string): string => call('release', [id], false)

/** Asks how far a widget's own work has come, and sets it off first if `begin` says so. */
export const proofOfWorkCall = (id: string, begin: boolean): string => call('work', [id, begin], false)

/** Waits in a frame until `findCall` would say something else, for at most `ms`. The value is a promise. */
export function waitCall(
  ticket: string,
  request: { most: number; frames: readonly FrameHint[] },
  ms: number,
  whole: boolean,
): string {
  return `(async()=>(${BOUNDED})(await ${call('wait', [ticket, request, ms], whole, '')}))()`
}

/** Ends such a wait. */
export const endWaitCall = (ticket: string): string => call('endWait', [ticket], false)

/** Asks whether the document is still the one that the id was given in. */
export const isSameDocumentCall = (id: string): string => call('alive', [id], false)

/** Takes everything of ours out of the page. */
export const undoCall = `(s=>{s&&s.undo();return null})(${WINDOW_KEY})`

/**
 * Lets a text through, and nothing longer than anybody will read: a page may answer in our name, and half a gigabyte would end the process that
 * the browser's tool runs in.
 */
const BOUNDED = `r=>typeof r==="string"&&r.length<=${MAX_REPLY_LENGTH}?r:null`

function call(method: string, args: readonly unknown[], whole: boolean, bound = BOUNDED): string {
  const list = args.map(json).join(',')
  const said = `(s=>s&&s.main?s.main.${method}(${list}):null)(${WINDOW_KEY})`
  const text = bound ? `(${bound})(${said})` : said
  return whole ? `(()=>{${pageScript}\nreturn ${text}})()` : text
}

function json(value: unknown): string {
  return JSON.stringify(value)
}
