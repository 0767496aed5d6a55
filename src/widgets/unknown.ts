import { z } from 'zod'

/** Something in a page that looks like a CAPTCHA. All of it is what the page says, within bounds. */
export interface VendorEvidence {
  /** `picture`: an image that is called so, which `captcha.solveImage` can be shown. */
  readonly kind: 'script' | 'frame' | 'element' | 'picture'
  /** The host of a script or frame; an element as `div#id.class`. */
  readonly what: string
  readonly sitekey?: string | undefined
  /** Whether a person would see it. */
  readonly visible: boolean
}

/** What looks like a CAPTCHA, and is of no family that we know: it is told, and never solved. */
export interface UnknownWidget {
  readonly family: 'unknown'
  /** Whose it seems to be: `yandex`, `datadome`, `cloudflare-challenge-page`, … */
  readonly vendor?: string | undefined
  readonly pageUrl: string
  readonly frameUrl?: string | undefined
  /** Whether a person would see something of it. A script alone is not seen. */
  readonly visible: boolean
  /** What was seen of it. */
  readonly signs: readonly VendorEvidence[]
}

/** A sign, and whose it is, where that can be told. */
export interface VendorSign extends VendorEvidence {
  readonly vendor?: string | undefined
}

const MAX_SIGNS = 20

const sign = z.object({
  kind: z.enum(['script', 'frame', 'element', 'picture']),
  what: z.string().regex(/^[\x21-\x7e]{1,260}$/),
  vendor: z
    .string()
    .regex(/^[a-z0-9-]{1,40}$/)
    .optional()
    .catch(undefined),
  sitekey: z
    .string()
    .regex(/^[\x21-\x7e]{1,256}$/)
    .optional()
    .catch(undefined),
  visible: z.boolean().catch(false),
})

/** Reads what a page gave for strangers. What does not fit is left out. */
export function parseSigns(given: unknown): VendorSign[] {
  if (!Array.isArray(given)) return []
  return given.slice(0, MAX_SIGNS).flatMap((one) => sign.safeParse(one).data ?? [])
}

/** Puts together what belongs together: all signs of one vendor, and each other one by itself. */
export function unknownIn(
  signs: readonly VendorSign[],
  where: Pick<UnknownWidget, 'pageUrl' | 'frameUrl'>,
): UnknownWidget[] {
  const groups = new Map<string, { readonly vendor: string | undefined; readonly signs: VendorEvidence[] }>()
  for (const { vendor, ...one } of signs) {
    const name = vendor ?? `${one.kind} ${one.what} ${one.sitekey ?? ''}`
    const group = groups.get(name) ?? { vendor, signs: [] }
    group.signs.push(one)
    groups.set(name, group)
  }
  return [...groups.values()].map(({ vendor, signs: group }) => ({
    family: 'unknown',
    vendor,
    ...where,
    visible: group.some(({ visible }) => visible),
    signs: group,
  }))
}
