import { readdirSync, readFileSync } from 'node:fs'
import { z } from 'zod'
import { VARIANTS, type WidgetFamily } from '../../../src/base/challenge.js'

/**
 * A page of `fixtures/pages/real`: one file, which begins with a comment `<!-- corpus {…} -->`. Its JSON has what is
 * truly in the page, what a person does there, and how one sees that the site has the token. The page is not served
 * with the comment. CONTRIBUTING.md describes how to add one.
 */

/** From the project's root, for the benchmarks, which are one bundled file in a folder as deep as this one. */
const FOLDER = new URL('../../../fixtures/pages/real/', import.meta.url)

const FAMILIES = Object.keys(VARIANTS).filter((name) => name !== 'image' && name !== 'bls') as WidgetFamily[]

const family = z.enum(FAMILIES as [WidgetFamily, ...WidgetFamily[]])
const words = z.string().min(1)

/** A widget that is there. What is left out is not compared. */
const widget = z
  .strictObject({
    family,
    variant: words,
    sitekey: words,
    /** Whether a person would now have to deal with it. */
    due: z.boolean(),
    /** `null`: the page names none. */
    action: words.nullable().optional(),
    cData: words.optional(),
    blob: words.optional(),
    rqdata: words.optional(),
    dataS: words.optional(),
    apiHost: words.optional(),
    answered: z.boolean().optional(),
    visible: z.boolean().optional(),
    executed: z.boolean().optional(),
  })
  .refine((one) => (VARIANTS[one.family] as readonly string[]).includes(one.variant), 'no variant of this family')

const place = { in: words.optional() }

/** What a person does, or sees; `solve` is where a test calls the tool. */
const step = z.union([
  z.literal('solve'),
  /** Another solve, with what is then there. */
  z.strictObject({ solve: z.array(widget) }),
  /** Clicks an element; `in` is the selector of the frame that it is in. */
  z.strictObject({ click: words, ...place }),
  z.strictObject({ fill: words, with: z.string(), ...place }),
  z.strictObject({ choose: words, value: z.string(), ...place }),
  /** Waits until the element is visible. */
  z.strictObject({ see: words, ...place }),
  /** Waits until an expression of the page is true: what a person cannot see. */
  z.strictObject({ until: words }),
])

/** A request by which the site gets the token, and which its server verifies at the vendor. */
const proof = z.strictObject({
  /** The path that it is sent to. */
  path: z.string().startsWith('/'),
  /** A field or query, dotted JSON name, `header:name` or `cookie:name`. Default: the vendor's field. */
  token: words.optional(),
  /** Which one counts where the field is sent more than once: PHP, Rails and Django take the last. */
  takes: z.enum(['first', 'last']).default('last'),
  /** The names of several values, from the vendor's to the request's. */
  fields: z.record(z.string(), words).default({}),
  /** Of which widget. Default: the first one. */
  family: family.optional(),
  sitekey: words.optional(),
  /** What the vendor reports to the server about the token. */
  action: words.optional(),
  /** Further values that the request has. */
  also: z.record(z.string(), z.string()).default({}),
  /** The server's reply, where the page's code reads it: JSON, or else HTML. */
  reply: z.string().optional(),
  status: z.number().int().default(200),
})

const schema = z.strictObject({
  /** What the page is. */
  title: words,
  /** The public page, template, component or report that it is written after. */
  after: words,
  /** All widgets that are there when the tool is first called. */
  widgets: z.array(widget),
  /** Vendors that are only reported: in `find(page).unknown`, by name; '' if it is not known. */
  unknown: z.array(z.string()).default([]),
  steps: z.array(step).default(['solve']),
  /** In this order, where several go to one path. */
  proof: z.array(proof).default([]),
  /** Visible in the end, as the page's own code shows it. */
  shows: words.optional(),
  /** A setting of the policy that the page is tested under. */
  recaptchaV3: z.enum(['leave', 'solve']).optional(),
  /** Headers that the page is served with. */
  headers: z.record(z.string(), z.string()).default({}),
  /** Where the site's server gives out a `challenge` of GeeTest v3. */
  register: z.string().startsWith('/').optional(),
  /** How the vendor behaves to the page's first sitekey, as `setBehavior` of its stand-in takes it. */
  behavior: z.record(z.string(), z.unknown()).optional(),
  /** Requests that a blocker stops: parts of their addresses. */
  blocked: z.array(words).default([]),
  /** Whether the page's own code throws. */
  throws: z.boolean().default(false),
})

export type ExpectedWidget = z.infer<typeof widget>
export type Step = z.infer<typeof step>
export type Proof = z.infer<typeof proof>

/** A page of the corpus. */
export interface CorpusPage extends z.infer<typeof schema> {
  /** Its file's name without `.html`. */
  readonly name: string
  /** Its documents and scripts by path. `/` is the page itself. */
  readonly parts: Readonly<Record<string, string>>
}

const HEAD = /^<!-- corpus\s(.*?)-->\n/s
/** What follows is another document of the page's site: `<!-- part /inner.html -->`. */
const PART = /^<!-- part (\/\S*) -->\n/m

/** Reads a page. Throws with the name of its file and of what is wrong. */
export function parsePage(name: string, text: string): CorpusPage {
  const head = HEAD.exec(text)
  if (!head?.[1]) throw new Error(`${name}.html does not begin with <!-- corpus {…} -->.`)
  const facts = schema.safeParse(readJson(name, head[1]))
  if (!facts.success) throw new Error(`${name}.html: ${z.prettifyError(facts.error)}`)
  const [main = '', ...rest] = text.slice(head[0].length).split(PART)
  const parts: Record<string, string> = { '/': main }
  for (let at = 0; at < rest.length; at += 2) parts[rest[at] ?? ''] = rest[at + 1] ?? ''
  return { ...facts.data, name, parts }
}

function readJson(name: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Error(`${name}.html: its first comment is not JSON: ${(error as Error).message}`)
  }
}

/** All pages of the corpus, by name. */
export function corpusPages(): CorpusPage[] {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.html'))
  return files.sort().map((file) => parsePage(file.slice(0, -5), readFileSync(new URL(file, FOLDER), 'utf8')))
}
