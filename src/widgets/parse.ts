import { z } from 'zod'
import type { WidgetFamily } from '../base/challenge.js'
import { MAX_REPLY_LENGTH } from './bounds.js'
import { duplicate, MAX_MALFORMED, type MalformedReading, malformedReading } from './malformed.js'
import type {
  FindReply,
  MissingReply,
  NotifyReply,
  NotifyResult,
  PadReply,
  PageResult,
  ProofOfWorkProgress,
  ResultReply,
  WidgetHead,
} from './page-kit/protocol.js'
import type { Pad } from './seal.js'
import { WIDGETS } from './table.js'
import { parseSigns, type VendorSign } from './unknown.js'
import type { Reading, Shape, Widget } from './widget.js'

/** A frame's reply, checked. */
export interface FrameReading {
  /** Names the document; every navigation changes it. */
  readonly doc: string
  /** Shows that a pad is from this document. */
  readonly secret: string
  /** The origin that the frame reports: only for comparison with the browser's. */
  readonly origin: string
  /** Whether it is still loading: its own scripts may not have run yet. */
  readonly loading: boolean
  readonly widgets: readonly WidgetReading[]
  /** What looks like a CAPTCHA of no known family. */
  readonly signs: readonly VendorSign[]
  /** How many more widgets there are. */
  readonly omitted: number
  /** How many shadow roots were not searched. */
  readonly roots: number
  /** How many entries did not parse. */
  readonly malformed: number
  /** What is wrong with the first of them. */
  readonly problems: readonly MalformedReading[]
}

/** One widget of a frame's reply. */
export interface WidgetReading extends Reading {
  /** Assigned by our code in the page. */
  readonly id: string
  readonly family: WidgetFamily
  /** Whether a solution was injected and expired before the page used it. */
  readonly expired: boolean
  /** Whether its vendor's script could not be loaded. */
  readonly blocked: boolean
  /** Whether it is a copy of another widget's elements. */
  readonly copy: boolean
  /** Whether the browser's list of frames is all that shows it. */
  readonly hinted: boolean
  /** Whether it would be due if a person could not see the frame that it is in. */
  readonly dueUnseen: boolean
}

/** How many widgets of one frame are read at most. */
export const MAX_WIDGETS_PER_FRAME = 50

const FAMILIES = Object.keys(WIDGETS) as [WidgetFamily, ...WidgetFamily[]]

const secret = z.string().regex(/^[0-9a-f]{64}$/)
const head = z.object({
  doc: z.string().regex(/^[a-z0-9]{1,20}$/),
  secret,
  origin: z.string().max(300),
  loading: z.boolean().catch(false),
  omitted: z.number().int().min(0).max(1e9).catch(0),
  roots: z.number().int().min(0).max(1e9).catch(0),
  widgets: z.array(z.unknown()),
  unknown: z.unknown().optional(),
} satisfies Shape<FindReply>)
const entryHead = z.object({
  id: z.string().regex(/^[a-z0-9]{1,20}-\d{1,9}$/),
  family: z.enum(FAMILIES),
  expired: z.boolean().catch(false),
  blocked: z.boolean().catch(false),
  copy: z.boolean().catch(false),
  hinted: z.boolean().catch(false),
} satisfies Shape<WidgetHead>)
const missingReply = z.object({
  missing: z.array(z.enum(FAMILIES)).max(FAMILIES.length),
} satisfies Shape<MissingReply>)
const result = z.object({
  result: oneOf<PageResult>({
    ok: 'ok',
    answered: 'answered',
    refused: 'refused',
    'page-gone': 'page-gone',
    'widget-gone': 'widget-gone',
  }),
} satisfies Shape<ResultReply>)
const notified = z.object({
  result: oneOf<NotifyReply['result']>({
    notified: 'notified',
    'no-callback': 'no-callback',
    'callback-missing': 'callback-missing',
    'callback-out-of-reach': 'callback-out-of-reach',
    'callback-threw': 'callback-threw',
    'page-gone': 'page-gone',
  }),
} satisfies Shape<NotifyReply>)
const padReply = z.object({
  secret,
  id: z.number().int().min(0),
  numbers: z.string().regex(/^[0-9a-f]*$/),
} satisfies Shape<PadReply>)
const progress = z.object({
  state: oneOf<ProofOfWorkProgress['state']>({
    idle: 'idle',
    started: 'started',
    working: 'working',
    failed: 'failed',
    'needs-code': 'needs-code',
    answered: 'answered',
  }),
  // The widget keeps its own answer: one that cannot be read is no reason to call it unanswered.
  token: z
    .string()
    .regex(/^[\x21-\x7e]{0,16384}$/)
    .catch(''),
  reason: z.string().max(200).catch(''),
} satisfies Shape<ProofOfWorkProgress>)

/** One of these words: all that the page can send, and no other. */
function oneOf<Word extends string>(words: { readonly [One in Word]: One }) {
  return z.enum(words)
}

/**
 * Reads the reply to `find`. Never throws: an entry that does not parse is left out, counted, and
 * listed with what is wrong with it.
 *
 * @returns undefined if the reply as a whole does not parse
 */
export function parseFound(reply: unknown): FrameReading | undefined {
  const read = head.safeParse(parseJson(reply))
  if (!read.success) return undefined
  const { doc, secret, origin, loading, widgets: entries } = read.data
  const widgets: WidgetReading[] = []
  const problems: MalformedReading[] = []
  const ids = new Set<string>()
  const looked = entries.slice(0, MAX_WIDGETS_PER_FRAME)
  for (const entry of looked) {
    const widget = parseWidget(entry)
    // With two widgets of one id, a solution could be injected into either.
    if (widget && !ids.has(widget.id)) {
      ids.add(widget.id)
      widgets.push(widget)
    } else if (problems.length < MAX_MALFORMED) {
      problems.push(widget ? duplicate(widget.family) : malformedReading(entry))
    }
  }
  return {
    doc,
    secret,
    origin,
    loading,
    widgets,
    signs: parseSigns(read.data.unknown),
    roots: read.data.roots,
    omitted: read.data.omitted + entries.length - looked.length,
    malformed: looked.length - widgets.length,
    problems,
  }
}

/** Reads the reply to `find` of a page in which families are missing; undefined where it does not parse. */
export function parseMissing(reply: unknown): readonly WidgetFamily[] | undefined {
  const read = missingReply.safeParse(parseJson(reply))
  return read.success ? read.data.missing : undefined
}

/**
 * Reads a one-time pad.
 *
 * @param secret that of the document for which the solution is bought
 * @param length how many numbers were asked for
 * @returns undefined if the reply is from another document, or does not parse
 */
export function parsePad(reply: unknown, secret: string, length: number): Pad | undefined {
  const read = padReply.safeParse(parseJson(reply))
  if (!read.success || read.data.secret !== secret || read.data.numbers.length !== length * 4) return undefined
  const { id, numbers } = read.data
  return {
    id,
    numbers: Uint16Array.from({ length }, (_, at) => Number.parseInt(numbers.slice(at * 4, at * 4 + 4), 16)),
  }
}

/** Reads the reply to an injection; undefined where it does not parse. */
export function parseResult(reply: unknown): PageResult | undefined {
  const read = result.safeParse(parseJson(reply))
  return read.success ? read.data.result : undefined
}

/** Reads the reply to `notifyPage`; undefined where it does not parse, or where the page is gone. */
export function parseNotified(reply: unknown): NotifyResult | undefined {
  const read = notified.safeParse(parseJson(reply))
  return read.success && read.data.result !== 'page-gone' ? read.data.result : undefined
}

/**
 * Reads the progress of a proof-of-work widget, or the result that says why there is none; undefined where neither
 * parses.
 */
export function parseProofOfWork(reply: unknown): ProofOfWorkProgress | PageResult | undefined {
  const read = progress.safeParse(parseJson(reply))
  return read.success ? read.data : parseResult(reply)
}

function parseWidget(entry: unknown): WidgetReading | undefined {
  const named = entryHead.safeParse(entry)
  if (!named.success) return undefined
  const widget: Widget = WIDGETS[named.data.family]
  const raw = widget.shape.safeParse(entry)
  if (!raw.success) return undefined
  const dueUnseen = widget.read({ ...(raw.data as object), visible: false }).due
  return { ...named.data, ...widget.read(raw.data), dueUnseen }
}

function parseJson(reply: unknown): unknown {
  if (typeof reply !== 'string' || reply.length > MAX_REPLY_LENGTH) return undefined
  try {
    return JSON.parse(reply)
  } catch {
    return undefined
  }
}
