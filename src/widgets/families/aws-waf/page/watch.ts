import { type Handler, type Patch, patchGlobal, restore, wrap } from '../../../page-kit/patch.js'
import { find, type List, list, pushBounded, remove } from '../../../page-kit/primordials.js'
import { hasGlobal, type Observer, type Watch, type Watcher } from '../../../page-kit/watcher.js'

export const awsWafWatch: Watch<AwsWafLog> = {
  name: 'aws-waf',
  isThere: /* @__PURE__ */ hasGlobal('AwsWafCaptcha'),
  watch: watchAwsWaf,
}

/** A call of `renderCaptcha`. */
export interface Render {
  readonly container: unknown
  /** The page's parameters: its key, and its callbacks. */
  readonly params: object
  /** Whether the page has received a token. */
  hasToken: boolean
  /** Whether something was seen in the container. */
  drawn?: boolean
}

export interface AwsWafLog extends Watcher {
  /** Oldest first, one for each container. */
  readonly renders: List<Render>
}

/**
 * Watches Amazon WAF's API: neither its parameters nor its answers are in the document.
 *
 * @see https://docs.aws.amazon.com/waf/latest/developerguide/waf-js-captcha-api-specification.html
 */
function watchAwsWaf(observer: Observer): AwsWafLog {
  const { p } = observer
  const patches = list<Patch>()
  const renders = list<Render>()
  const renderCaptcha: Handler = (call, self, args) => {
    const { 0: container, 1: params } = args
    if (typeof params !== 'object' || params === null) return p.apply(call, self, args)
    remove(
      renders,
      find(renders, (other) => other.container === container),
    )
    const render = pushBounded(renders, { container, params, hasToken: false })
    return p.apply(call, self, [container, withListener(params, render)])
  }

  return {
    renders,
    check: () => patchGlobal(observer, patches, 'AwsWafCaptcha', { renderCaptcha }),
    undo: () => restore(p, patches),
  }

  /**
   * A copy of the page's parameters whose `onSuccess` records that the page has a token. The page's own object stays as
   * it is.
   */
  function withListener(params: object, render: Render): object {
    try {
      const copy: Record<string, unknown> = { ...params }
      p.setPrototype(copy, p.prototypeOf(params))
      const { onSuccess } = copy
      if (typeof onSuccess !== 'function') return params
      copy.onSuccess = wrap(observer, onSuccess as (...args: never[]) => unknown, (call, self, args) => {
        render.hasToken = true
        return p.apply(call, self === copy ? params : self, args)
      })
      return copy
    } catch {
      return params
    }
  }
}
