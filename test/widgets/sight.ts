import { expect } from 'vitest'
import type { FoundChallenge } from '../../src/widgets/widget.js'

/** A place for a widget of the site's pages: declarations for some elements, or something else that is done. */
interface Place {
  readonly style?: Readonly<Record<string, string>>
  readonly before?: string
  readonly after?: string
}

const ROOT = 'html'
const APPLICATION = 'main'
const FORM = '#login'
const AROUND = '.widget'
/** The element that the page's code gave to the vendor. */
const OWN = '.widget > :not(input)'

/** Moves the form, with its frames, into a new element, and back. */
const movedInto = (html: string): Place => ({
  before: `document.querySelector('${FORM}').insertAdjacentHTML('beforebegin', '<section id="place">${html}</section>');
    document.querySelector('#place > *').append(document.querySelector('${FORM}'))`,
  after: `document.querySelector('#place').replaceWith(document.querySelector('${FORM}'))`,
})

/** Where a person cannot see a widget. */
const UNSEEN: Readonly<Record<string, Place>> = {
  'display: none': { style: { [AROUND]: 'display:none' } },
  // Whatever of it has a visibility of its own.
  'visibility: hidden': {
    before: `for (const one of document.querySelectorAll('${AROUND}, ${AROUND} *')) {
      one.dataset.was = one.style.cssText
      one.style.visibility = 'hidden'
    }`,
  },
  'opacity: 0 of its own': { style: { [OWN]: 'opacity:0' } },
  'opacity: 0 of an ancestor': { style: { [APPLICATION]: 'opacity:0' } },
  'scaled to nothing': { style: { [APPLICATION]: 'transform:scale(0)' } },
  'scaled to nothing in one direction': { style: { [AROUND]: 'transform:scaleY(0)' } },
  'left of the canvas': { style: { [AROUND]: 'position:absolute;left:-9999px' } },
  'above the canvas': { style: { [AROUND]: 'position:absolute;top:-9999px' } },
  'fixed beside the viewport': { style: { [APPLICATION]: 'position:fixed;top:0;left:200vw' } },
  'a drawer beside a page that does not scroll': {
    style: { [ROOT]: 'overflow-x:hidden', [AROUND]: 'position:absolute;left:200vw' },
  },
  'a collapsed accordion': { style: { [AROUND]: 'max-height:0;overflow:hidden' } },
  'an accordion without height': { style: { [AROUND]: 'height:0;overflow:hidden' } },
  'a collapsed row of a grid': {
    style: { [AROUND]: 'display:grid;grid-template-rows:0fr', [OWN]: 'min-height:0;height:auto;overflow:hidden' },
  },
  'a collapsed scroll container': { style: { [AROUND]: 'height:0;overflow:auto' } },
  'hidden for all but screen readers': {
    style: { [AROUND]: 'position:absolute;width:1px;height:1px;overflow:hidden;clip:rect(0,0,0,0)' },
  },
  'a clip path': { style: { [AROUND]: 'clip-path:inset(50%)' } },
  'a clip path from below': { style: { [APPLICATION]: 'clip-path:inset(0 0 100% 0)' } },
  'a clip path from the side': { style: { [FORM]: 'clip-path:polygon(0 0, 0 0, 0 100%, 0 100%)' } },
  'a round clip path': { style: { [APPLICATION]: 'clip-path:circle(0 at 100% 0)' } },
  'a filter': { style: { [APPLICATION]: 'filter:blur(2px) opacity(0)' } },
  'a slide that is not shown': { style: { [APPLICATION]: 'overflow:hidden', [FORM]: 'transform:translateX(200%)' } },
  'content-visibility: hidden': { style: { [FORM]: 'content-visibility:hidden' } },
  'hidden until found': {
    before: `document.querySelector('${AROUND}').setAttribute('hidden', 'until-found')`,
    after: `document.querySelector('${AROUND}').removeAttribute('hidden')`,
  },
  'the back of a card that is turned away': {
    style: {
      [APPLICATION]: 'transform-style:preserve-3d;transform:rotateX(10deg)',
      [FORM]: 'transform:rotateY(180deg);backface-visibility:hidden',
    },
  },
  'a card that is turned over as a whole': {
    style: {
      [APPLICATION]: 'transform-style:preserve-3d;transform:rotateY(180deg)',
      [FORM]: 'backface-visibility:hidden',
    },
  },
  'a closed details element': movedInto('<details><summary>More</summary></details>'),
}

/** Where a person can see a widget, at least after scrolling. */
const SEEN: Readonly<Record<string, Place>> = {
  'where the page has it': {},
  'display: contents of its own': { style: { [OWN]: 'display:contents' } },
  'display: contents of an ancestor': { style: { [AROUND]: 'display:contents' } },
  'a clip path that leaves it': {
    style: {
      [APPLICATION]: 'clip-path:polygon(0 0, 100% 0, 100% 100%, 0 100%)',
      [FORM]: 'clip-path:inset(-5px round 4px)',
    },
  },
  'half transparent': { style: { [AROUND]: 'opacity:0.5' } },
  scaled: { style: { [APPLICATION]: 'transform:scale(0.5)' } },
  'the back of a card that is turned over': {
    style: {
      [APPLICATION]: 'transform-style:preserve-3d;transform:rotateY(180deg)',
      [FORM]: 'transform:rotateY(180deg);backface-visibility:hidden',
    },
  },
  'mirrored, with its back hidden': { style: { [FORM]: 'transform:scaleX(-1);backface-visibility:hidden' } },
  'below the fold': { style: { [AROUND]: 'margin-top:5000px' } },
  'right of the viewport': { style: { [AROUND]: 'margin-left:5000px;width:400px' } },
  'left of the viewport of a page that runs from right to left': {
    style: { [ROOT]: 'direction:rtl', [AROUND]: 'margin-right:5000px;width:400px' },
  },
  'below the fold of a page that does not scroll for now': {
    style: { [ROOT]: 'overflow:hidden', [AROUND]: 'margin-top:5000px' },
  },
  'below the fold of a scroll container': {
    style: { [APPLICATION]: 'height:200px;overflow:auto', [AROUND]: 'margin-top:2000px' },
  },
  'in a box without height that clips nothing': { style: { [AROUND]: 'height:0' } },
  'outside of a box that clips, which it is not positioned against': {
    style: { [FORM]: 'height:0;overflow:hidden', [AROUND]: 'position:absolute;top:0;left:0;width:400px' },
  },
  'an open details element': movedInto('<details open><summary>More</summary></details>'),
  'a modal dialog of an application that is faded out': {
    before: `${movedInto('<dialog></dialog>').before};document.querySelector('#place').style.cssText = 'opacity:0;height:0;overflow:hidden';
      document.querySelector('#place dialog').showModal()`,
    after: `${movedInto('').after}`,
  },
}

/** Puts the one widget of a page into each place, and compares what is found of it with what a person would see. */
export async function expectSight(
  evaluate: (expression: string) => Promise<unknown>,
  find: () => Promise<readonly FoundChallenge[]>,
): Promise<void> {
  const expected: Record<string, unknown> = {}
  const found: Record<string, unknown> = {}
  const places = [...Object.entries(UNSEEN).map(of(false)), ...Object.entries(SEEN).map(of(true))]
  for (const { name, seen, style = {}, before = '0', after = '0' } of places) {
    await evaluate(`{ const style = ${JSON.stringify(style)}
      for (const selector in style) {
        const element = document.querySelector(selector)
        element.dataset.was = element.style.cssText
        element.style.cssText += ';' + style[selector]
      }
      ${before}; 0 }`)
    expected[name] = [{ visible: seen, due: seen }]
    found[name] = (await find()).map(({ visible, due }) => ({ visible, due }))
    await evaluate(`for (const element of document.querySelectorAll('[data-was]')) {
        element.style.cssText = element.dataset.was
        delete element.dataset.was
      }
      ${after}; 0`)
  }
  expect(found).toEqual(expected)
}

const of =
  (seen: boolean) =>
  ([name, place]: [string, Place]) => ({ name, seen, ...place })
