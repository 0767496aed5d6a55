import type { PageSolution, SealedSolution, SealedText } from './page-kit/protocol.js'

/** A one-time pad that a document has drawn. */
export interface Pad {
  /** Names it among those of the document. */
  readonly id: number
  readonly numbers: Uint16Array
}

/** How many numbers of a pad a solution uses. */
export function sealedLength({ token, fields }: Pick<PageSolution, 'token' | 'fields'>): number {
  return Object.values(fields).reduce((sum, value = '') => sum + value.length, token.length)
}

/**
 * Seals a solution: only the document that drew the pad can read it. For any other text of the same length there is a
 * pad that gives the same result, so a reader of the sealed solution learns nothing but lengths.
 *
 * @param pad used for this solution only, and at least `sealedLength` long
 */
export function seal({ token, fields, ...terms }: PageSolution, pad: Pad): SealedSolution {
  if (sealedLength({ token, fields }) > pad.numbers.length) throw new RangeError('The pad is too short.')
  let used = 0
  const sealText = (text: string): SealedText =>
    Array.from({ length: text.length }, (_, at) => text.charCodeAt(at) ^ (pad.numbers[used++] as number))
  const sealed = { pad: pad.id, token: sealText(token), fields: {} as Record<string, SealedText>, ...terms }
  for (const [name, value = ''] of Object.entries(fields)) sealed.fields[name] = sealText(value)
  return sealed
}
