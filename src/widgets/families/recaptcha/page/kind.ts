import { isAnyOpen } from '../../../page-kit/challenge-popup.js'
import type { PageContext } from '../../../page-kit/family.js'
import { includes, type List, list, push, pushBounded } from '../../../page-kit/primordials.js'
import { has, parameter, slice, text } from '../../../page-kit/text.js'
import { type Frame, type RecaptchaScan, type RecaptchaWidget, setting } from './widget.js'

/** Widgets whose challenge was open once: no score widget ever opens one. */
const challenged = list<unknown>()

export function isEnterprise({ p }: PageContext, { scripts }: RecaptchaScan, widget: RecaptchaWidget): boolean {
  if (widget.anchor) return has(p, widget.anchor.url, '/recaptcha/enterprise/')
  return widget.enterprise ?? (scripts.enterprise && !scripts.plain)
}

export function isInvisible(context: PageContext, widget: RecaptchaWidget): boolean {
  const { p } = context
  // Rendered without an element, it has its badge at the edge of the page, whatever the parameters say.
  if (widget.placed === false) return true
  const size = setting(context, widget, 'size') ?? (widget.anchor && parameter(p, widget.anchor.url, 'size'))
  if (size !== undefined) return size === 'invisible'
  if (text(setting(context, widget, 'bind')) !== undefined) return true
  return !!widget.element && isButton(context, widget.element)
}

export function isButton({ dom }: PageContext, element: Element): boolean {
  const tag = dom.tag(element)
  return tag === 'button' || tag === 'input'
}

/** The frames of this widget's challenge. */
export function challengesOf(
  { p }: PageContext,
  challenges: List<Frame>,
  { anchor, client }: RecaptchaWidget,
): List<Frame> {
  const found = list<Frame>()
  const id = anchor?.name ? slice(p, anchor.name, 2) : undefined
  for (let index = 0; index < challenges.size; index++) {
    const frame = challenges[index] as Frame
    const own = slice(p, frame.name, 2)
    let matches = id !== undefined && own === id
    for (let at = 0; client && at < client.words.size && !matches; at++) matches = client.words[at] === own
    if (matches) push(found, frame)
  }
  return found
}

/** The elements of those frames. */
export function challengeElements(
  context: PageContext,
  challenges: List<Frame>,
  widget: RecaptchaWidget,
): List<Element> {
  const elements = list<Element>()
  const frames = challengesOf(context, challenges, widget)
  for (let index = 0; index < frames.size; index++) {
    const element = frames[index]?.element
    if (element) push(elements, element)
  }
  return elements
}

/** Whether this widget's challenge is open, or was when it was looked at before. */
export function wasChallenged(context: PageContext, challenges: List<Frame>, widget: RecaptchaWidget): boolean {
  const known = widget.client?.state ?? widget.anchor?.element ?? widget.element
  if (includes(challenged, known)) return true
  if (!isAnyOpen(context, challengeElements(context, challenges, widget))) return false
  pushBounded(challenged, known)
  return true
}
