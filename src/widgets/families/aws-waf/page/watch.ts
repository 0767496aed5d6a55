import { type Handler, type Stand, standAside, standBefore, wrap } from '../../../page-kit/patch.js'
import { type List, list, note, remove } from '../../../page-kit/primordials.js'
import { hasGlobal, type Observer, type Watch, type Watcher } from '../../../page-kit/watcher.js'

export const awsWafWatch: Watch<AwsWafLog> = {
  name: 'aws-waf',
  isThere: hasGlobal('AwsWafCaptcha'),
  watch: watchAwsWaf,
}

/** A call of `renderCaptcha`. */
export interface Render {
  readonly container: unknown
  /** What the page gave: its key, and what to call. */
  readonly params: object
  /** Whether the page has been given a token. */
  answered: boolean
}

export interface AwsWafLog extends Watcher {
  /** Oldest first, one for each container. */
  readonly renders: List<Render>
}

/** Watches Amazon WAF's API. Nothing of what it is told, or answers, shows in the document. */
function watchAwsWaf(observer: Observer): AwsWafLog {
  const { p } = observer
  const stands = list<Stand>()
  const renders = list<Render>()
  const renderCaptcha: Handler = (call, self, args) => {
    const { 0: container, 1: params } = args
    if (typeof params !== 'object' || params === null) return p.apply(call, self, args)
    for (let index = 0; index < renders.size; index++) {
      const other = renders[index] as Render
      if (other.container === container) remove(renders, other)
    }
    const render = note(renders, { container, params, answered: false })
    return p.apply(call, self, [container, listening(params, render)])
  }

  return {
    renders,
    check() {
      const api: unknown = p.describe(window, 'AwsWafCaptcha')?.value
      if (typeof api === 'object' && api !== null) standBefore(observer, stands, api, { renderCaptcha })
    },
    undo: () => standAside(p, stands),
  }

  /** The page's parameters, with ours in the place of what is called with the token. The page keeps its own object. */
  function listening(params: object, render: Render): object {
    try {
      const heard: Record<string, unknown> = { ...params }
      p.setPrototype(heard, p.prototypeOf(params))
      const { onSuccess } = heard
      if (typeof onSuccess !== 'function') return params
      heard.onSuccess = wrap(observer, onSuccess as (...args: never[]) => unknown, (call, self, args) => {
        render.answered = true
        return p.apply(call, self === heard ? params : self, args)
      })
      return heard
    } catch {
      return params
    }
  }
}
