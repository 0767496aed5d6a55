import { z } from 'zod'
import type { WidgetFamily } from '../base/challenge.js'
import { isPlaceholder } from './bounds.js'
import { WIDGETS } from './table.js'
import type { Widget } from './widget.js'

/** Why one entry of a frame's reply was dropped. */
export interface MalformedReading {
  /** Undefined where not even the family could be read. */
  readonly family: WidgetFamily | undefined
  /** What is wrong with it, in our own words: no text of the page is part of it. */
  readonly problem: string
}

/** How many are listed of one page. */
export const MAX_MALFORMED = 20
/** How much of a value is searched for what is wrong with it. */
const MAX_SEARCHED = 512

const FAMILIES = Object.keys(WIDGETS) as [WidgetFamily, ...WidgetFamily[]]
const named = z.object({ family: z.enum(FAMILIES) })
const failed = z.object({ failed: z.literal(true) })

/** The frame's reply as a whole could not be read. */
export const UNREADABLE_REPLY: MalformedReading = {
  family: undefined,
  problem: 'The reply of the frame is not one of the page script: the page has answered in its place.',
}

/** The entry is a second one of an id: a solution could be put into either. */
export const duplicate = (family: WidgetFamily): MalformedReading => ({
  family,
  problem: 'Two widgets of the reply have one id: the page has changed it.',
})

/** Says what is wrong with an entry that does not parse. */
export function malformedReading(entry: unknown): MalformedReading {
  const { data } = named.safeParse(entry)
  if (!data) return { family: undefined, problem: 'The entry names no known family: the page has changed it.' }
  const { family } = data
  if (failed.safeParse(entry).success) {
    return { family, problem: 'The page makes the search for such widgets throw an error.' }
  }
  return { family, problem: problemOf(WIDGETS[family], entry as Record<string, unknown>) }
}

function problemOf({ shape }: Widget, entry: Record<string, unknown>): string {
  const field = shape.safeParse(entry).error?.issues[0]?.path[0]
  const allows = (text: string) => shape.safeParse({ ...entry, [field as string]: text }).success
  // The names are those of our own facts.
  if (typeof field !== 'string') return 'The entry has no valid id: the page has changed it.'
  const value = entry[field]
  if (value === undefined) return `It has no ${field}.`
  if (value === '') return `Its ${field} is empty.`
  if (typeof value !== 'string' || !allows('a')) {
    return `Its ${field} is none that the page script reports: the page has changed the reply.`
  }
  if (isPlaceholder(value)) return `Its ${field} is a placeholder: the page lacks that setting.`
  for (const [at, char] of [...value.slice(0, MAX_SEARCHED)].entries()) {
    if (!allows(char)) {
      const point = (char.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0')
      return `Its ${field} has a character that none has: U+${point}, number ${at + 1} of ${value.length}.`
    }
  }
  return `Its ${field} has ${value.length} characters: too many.`
}
