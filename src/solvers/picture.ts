import type { GridChallenge, ImageChallenge } from '../base/challenge.js'
import { pictureType } from '../base/picture.js'
import { cellsAnswer, writtenAnswer } from './answers.js'
import { plain } from './form-family.js'
import type { Method } from './offer.js'

/** What services of the form family do each their own way. */
interface ImageForm {
  /** What they call the hints whose names differ. */
  readonly names: { readonly minLength: string; readonly maxLength: string }
  /** The smallest and the largest picture that they take. */
  readonly bytes: readonly [least: number, most: number]
}

/** The text of a picture, as the form family's fields ask for it. */
export function imageForm({ names, bytes: [least, most] }: ImageForm): Method<'image'> {
  return {
    variants: ['text'],
    fields: (challenge) => imageFields(challenge, names),
    refuses: ({ image: { length } }) =>
      length >= least && length <= most ? undefined : `a picture of ${length} bytes (it takes ${least} to ${most})`,
    answer: ({ request }) => writtenAnswer(plain(request)),
  }
}

/** Hints that were not given are left out. */
function imageFields(challenge: ImageChallenge, names: ImageForm['names']): Record<string, string> {
  const { image, numeric, minLength, maxLength, phrase, math, comment } = challenge
  return {
    method: 'base64',
    body: base64(image),
    ...(numeric !== undefined && { numeric: String(numeric) }),
    ...(minLength !== undefined && { [names.minLength]: String(minLength) }),
    ...(maxLength !== undefined && { [names.maxLength]: String(maxLength) }),
    ...(phrase !== undefined && { phrase: bit(phrase) }),
    ...(challenge.case !== undefined && { regsense: bit(challenge.case) }),
    ...(math !== undefined && { calc: bit(math) }),
    ...(comment !== undefined && { textinstructions: comment }),
  }
}

/** A BLS grid as CaptchaAI's fields say it (docs.captchaai.com/guides/bls-captcha). */
export const gridForm: Method<'bls'> = {
  variants: ['grid'],
  fields: gridFields,
  answer: ({ request }) => cellsAnswer(request),
}

/** The number alone, and nine data URIs. */
function gridFields({ images, instruction }: GridChallenge): Record<string, string> {
  const numbers = instruction.match(/\d+/g)
  const fields: Record<string, string> = {
    method: 'bls',
    // "Please select all boxes with number 664": the service wants the number. Of several nobody knows which.
    instructions: numbers?.length === 1 ? numbers[0] : instruction,
  }
  for (const [at, image] of images.entries()) {
    fields[`image_base64_${at + 1}`] = `data:${pictureType(image) ?? 'image/png'};base64,${base64(image)}`
  }
  return fields
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

function bit(value: boolean): string {
  return value ? '1' : '0'
}
