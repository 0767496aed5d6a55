import { z } from 'zod'

/** Something in a page that looks like a CAPTCHA. The values are the page's, checked against bounds. */
export interface VendorEvidence {
  /** `picture`: an image with `captcha` in its name, which `captcha.solveImage` can solve. */
  readonly kind: 'script' | 'frame' | 'element' | 'picture'
  /** The host of a script or frame; an element as `div#id.class`. */
  readonly what: string
  /** The element's sitekey, if it has one. */
  readonly sitekey?: string | undefined
  /** Whether a person can see it. */
  readonly visible: boolean
}

/** What looks like a CAPTCHA of no known family: it is reported, and never solved. */
export interface UnknownWidget {
  /** Always `unknown`. */
  readonly family: 'unknown'
  /** The probable vendor: `yandex`, `datadome`, `cloudflare-challenge-page`, … */
  readonly vendor?: string | undefined
  /** The page's address. */
  readonly pageUrl: string
  /** The frame's address, where it is not the page's own. */
  readonly frameUrl?: string | undefined
  /** Whether a person can see any of it. A script alone is never visible. */
  readonly visible: boolean
  /** The evidence in the page. */
  readonly signs: readonly VendorEvidence[]
}

/** Evidence with its vendor, if that is known. */
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

/** Reads what a page reports of unknown widgets. An entry that does not parse is left out. */
export function parseSigns(given: unknown): VendorSign[] {
  if (!Array.isArray(given)) return []
  return given.slice(0, MAX_SIGNS).flatMap((one) => sign.safeParse(one).data ?? [])
}

/** Groups the evidence: all of one vendor is one widget, and evidence without a vendor is a widget of its own. */
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
