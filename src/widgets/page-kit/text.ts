import type { List, Primordials } from './primordials.js'

/** The value of a parameter in an address, after `?`, `&` or `#`. */
export function parameter(p: Primordials, url: string, name: string): string | undefined {
  for (let kind = 0; kind < 3; kind++) {
    const prefix = kind === 0 ? '?' : kind === 1 ? '&' : '#'
    const start = indexOf(p, url, `${prefix}${name}=`)
    if (start < 0) continue
    const from = start + name.length + 2
    let to = from
    while (to < url.length && url[to] !== '&' && url[to] !== '#') to++
    try {
      return decodeURIComponent(slice(p, url, from, to))
    } catch {
      return slice(p, url, from, to)
    }
  }
  return undefined
}

/** The host of an `http:` or `https:` address, or of one that begins with `//`. */
export function hostOf(p: Primordials, url: string): string {
  const start = indexOf(p, url, '//')
  if (start < 0) return ''
  let to = start + 2
  while (to < url.length && url[to] !== '/' && url[to] !== '?' && url[to] !== '#') to++
  return slice(p, url, start + 2, to)
}

function indexOf(p: Primordials, text: string, part: string): number {
  return p.apply(p.indexOf, text, [part])
}

export function has(p: Primordials, text: string, part: string): boolean {
  return indexOf(p, text, part) >= 0
}

export function slice(p: Primordials, text: string, from: number, to?: number): string {
  return p.apply(p.slice, text, [from, to])
}

/** A string that is not empty, or undefined. */
export function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/**
 * A key, an action or a name, as the vendors' scripts read it: without the white space around it, which real pages
 * have. Undefined if nothing is left.
 */
export function trimmed(p: Primordials, value: unknown): string | undefined {
  return typeof value === 'string' ? text(p.apply(p.trim, value, [])) : undefined
}

/** Facts as the text of a JSON object; longer strings are clipped. */
export function json(
  p: Primordials,
  facts: Readonly<Record<string, string | number | boolean | undefined>>,
  maxLength: number,
): string {
  let written = ''
  const names = p.keys(facts)
  for (let index = 0; index < names.length; index++) {
    const name = names[index] as string
    const value = facts[name]
    if (value === undefined) continue
    const clipped = typeof value === 'string' && value.length > maxLength ? slice(p, value, 0, maxLength) : value
    written += `${written && ','}${p.stringify(name)}:${p.stringify(clipped)}`
  }
  return `{${written}}`
}

/** Numbers of 16 bits, each as four hexadecimal digits. */
export function hex(numbers: List<number>): string {
  const digits = '0123456789abcdef'
  let written = ''
  for (let index = 0; index < numbers.size; index++) {
    for (let shift = 12; shift >= 0; shift -= 4) written += digits[((numbers[index] as number) >> shift) & 15]
  }
  return written
}

/** The absolute address of a script. */
export function sourceOf(p: Primordials, script: Element): string {
  return p.apply(p.describe(HTMLScriptElement.prototype, 'src')?.get as () => string, script, [])
}
