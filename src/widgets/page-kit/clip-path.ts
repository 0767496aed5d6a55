import { type List, list, type Primordials, push } from './primordials.js'
import { has, slice } from './text.js'

/** What is left of an element: the share of its box that the shape is in, from 0 to 1 in each direction. */
interface ShapeBox {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

interface Length {
  readonly value: number
  readonly unit: string
}

/** More than any shape that a style sheet draws needs. */
const MAX_LENGTHS = 200

/**
 * The box around the shape of a computed `clip-path`, in pixels from the element's own corner; undefined if the shape
 * does not tell: it is none, a path, or calculated.
 */
export function shapeBox(p: Primordials, clipPath: string, width: number, height: number): ShapeBox | undefined {
  const open = indexOf(clipPath, '(')
  if (open < 0 || has(p, clipPath, 'calc(') || has(p, clipPath, 'url(')) return undefined
  const name = slice(p, clipPath, 0, open)
  const lengths = lengthsIn(p, clipPath, open + 1)
  const at = (index: number, size: number): number => {
    const { value, unit } = lengths[index] as Length
    return unit === '%' ? (value * size) / 100 : value
  }
  if (name === 'inset' && lengths.size > 0) {
    // As of a margin: what is left out is that of the opposite side.
    const right = lengths.size > 1 ? 1 : 0
    const bottom = lengths.size > 2 ? 2 : 0
    const left = lengths.size > 3 ? 3 : right
    return {
      left: at(left, width),
      top: at(0, height),
      right: width - at(right, width),
      bottom: height - at(bottom, height),
    }
  }
  if (name === 'polygon' && lengths.size > 1) {
    let [left, top, right, bottom] = [at(0, width), at(1, height), at(0, width), at(1, height)]
    for (let index = 2; index + 1 < lengths.size; index += 2) {
      const [x, y] = [at(index, width), at(index + 1, height)]
      if (x < left) left = x
      if (x > right) right = x
      if (y < top) top = y
      if (y > bottom) bottom = y
    }
    return { left, top, right, bottom }
  }
  // Without a radius in numbers, or with one that leaves something, a round shape hides nothing for certain.
  const isRound = (name === 'circle' || name === 'ellipse') && lengths.size > 0
  return isRound && (lengths[0] as Length).value === 0 ? { left: 0, top: 0, right: 0, bottom: 0 } : undefined
}

/** The lengths up to the first word. */
function lengthsIn(p: Primordials, text: string, start: number): List<Length> {
  const lengths = list<Length>()
  let from = start
  for (let at = start; at < text.length && lengths.size < MAX_LENGTHS; at++) {
    const char = text[at] as string
    if (char !== ' ' && char !== ',' && char !== ')') continue
    if (at > from) {
      const word = slice(p, text, from, at)
      const unit = word[word.length - 1] === '%' ? '%' : has(p, word, 'px') ? 'px' : ''
      const value = +slice(p, word, 0, word.length - unit.length)
      if (!(value <= 0 || value > 0)) return lengths
      push(lengths, { value, unit })
    }
    from = at + 1
  }
  return lengths
}

function indexOf(text: string, char: string): number {
  for (let at = 0; at < text.length; at++) if (text[at] === char) return at
  return -1
}
