import { invokeCallback } from '../../../page-kit/callback.js'
import type { PageContext, PageFamily, WidgetView } from '../../../page-kit/family.js'
import { list, push } from '../../../page-kit/primordials.js'
import { read } from '../../../page-kit/safe-read.js'
import { sourceOf, trimmed } from '../../../page-kit/text.js'
import { logOf } from '../../../page-kit/watcher.js'
import { setToken } from './cookie.js'
import type { AwsWafFacts } from './facts.js'
import type { AwsWafLog, Render } from './watch.js'

interface AwsWafView extends WidgetView {
  readonly container: Element
  facts(): AwsWafFacts
}

/**
 * The page half of Amazon WAF's CAPTCHA, where a page renders it: only the recorded calls of its API show it.
 *
 * @see https://docs.aws.amazon.com/waf/latest/developerguide/waf-js-captcha-api-specification.html
 */
export const awsWaf: PageFamily = {
  scan(context, max) {
    const { renders } = logOf<AwsWafLog>(context.observer, 'aws-waf')
    const views = list<WidgetView>()
    let omitted = 0
    for (let index = 0; index < renders.size; index++) {
      const view = createView(context, renders[index] as Render)
      if (!view) continue
      if (views.size < max) push(views, view)
      else omitted++
    }
    return { views, omitted }
  },
}

const SCRIPT = 'script[src*=".awswaf.com/"],script[src*="/jsapi.js"]'

function createView(context: PageContext, render: Render): AwsWafView | undefined {
  const { p, dom } = context
  const { container, params } = render
  const sitekey = trimmed(p, read(p, params, 'apiKey'))
  if (!dom.isElement(container) || !dom.isInDocument(container) || sitekey === undefined) return undefined
  const drawn = dom.inElement(container, '*').length > 0
  // The page may empty the container without a call of the vendor's API.
  if (!drawn && render.drawn) return undefined
  render.drawn = drawn
  const script = dom.all(document, SCRIPT)[0]
  return {
    container,
    facts: () => ({
      sitekey,
      script: script && sourceOf(p, script),
      visible: dom.seen(container),
      answered: render.hasToken,
    }),
    same: (other) => (other as AwsWafView).container === container,
    inject({ token, unlessAnswered }) {
      if (unlessAnswered && render.hasToken) return 'answered'
      if (!setToken(context, token)) return 'refused'
      render.hasToken = true
      return 'ok'
    },
    notifyPage({ token }) {
      const onSuccess = read(p, params, 'onSuccess')
      if (typeof onSuccess !== 'function') return 'no-callback'
      return invokeCallback(p, () => p.apply(onSuccess as (token: string) => unknown, params, [token]), [])
    },
    release() {},
  }
}

/** Whether an element is in a container that the page's code passed to `renderCaptcha`. */
export function isDrawn({ dom, observer }: PageContext, element: Element): boolean {
  const { renders } = logOf<AwsWafLog>(observer, 'aws-waf')
  for (let index = 0; index < renders.size; index++) {
    const container = renders[index]?.container
    if (dom.isElement(container) && dom.contains(container, element)) return true
  }
  return false
}
