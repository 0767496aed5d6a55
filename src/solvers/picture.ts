import type { GridChallenge, ImageChallenge, TextHints } from '../base/challenge.js'
import { pictureType } from '../base/picture.js'
import { cellsAnswer, textAnswer } from './answers.js'
import type { Method } from './capabilities.js'
import { textOf } from './form-family.js'

/** What services of the form family do each their own way. */
interface ImageForm {
  /** What they call the hints whose names differ. */
  readonly names: { readonly minLength: string; readonly maxLength: string }
  /** The smallest and the largest picture that they take. */
  readonly bytes: readonly [least: number, most: number]
}

/** The text of a picture, as the form family's fields ask for it. */
export function imageForm({ names, bytes }: ImageForm): Method<'image'> {
  return {
    variants: ['text'],
    fields: (challenge) => imageFields(challenge, names),
    unsupported: ({ image }) => wrongSize(image, bytes),
    answer: ({ request }) => textAnswer(textOf(request)),
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

/** What services of the task family do each their own way. */
interface ImageTask {
  readonly bytes: readonly [least: number, most: number]
  /** What they make of the hints. */
  readonly hints: (hints: TextHints) => Readonly<Record<string, unknown>>
}

/** The text of a picture, as the task family asks for it. */
export function imageTask({ bytes, hints }: ImageTask): Method<'image'> {
  return {
    variants: ['text'],
    fields: ({ image, numeric, minLength, maxLength, phrase, math, comment, case: capitals }) => ({
      type: 'ImageToTextTask',
      body: base64(image),
      ...given(hints(given({ numeric, minLength, maxLength, phrase, case: capitals, math, comment }))),
    }),
    unsupported: ({ image }) => wrongSize(image, bytes),
    answer: ({ text }) => textAnswer(text),
  }
}

function wrongSize({ length }: Uint8Array, [least, most]: readonly [number, number]): string | undefined {
  return length >= least && length <= most ? undefined : `a picture of ${length} bytes (it takes ${least} to ${most})`
}

/** Those that have a value. */
function given<T extends object>(values: T): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T
}

/** A BLS grid as CapMonster Cloud says it (docs.capmonster.cloud/docs/captchas/compleximage/bls). */
export function gridTask(bytes: readonly [least: number, most: number]): Method<'bls'> {
  return {
    variants: ['grid'],
    fields: ({ images, instruction }) => ({
      type: 'ComplexImageTask',
      class: 'recognition',
      imagesBase64: images.map(base64),
      metadata: { Task: 'bls_3x3', TaskArgument: numberIn(instruction) },
    }),
    unsupported: ({ images }) => images.map((image) => wrongSize(image, bytes)).find((wrong) => wrong !== undefined),
    // For each picture whether it is one of those that are meant.
    answer: ({ answer }) =>
      Array.isArray(answer) && answer.length === 9
        ? cellsAnswer(answer.flatMap((meant, at) => (meant === true ? [at + 1] : [])))
        : undefined,
  }
}

/** "Please select all boxes with number 664": the service wants the number. Of several nobody knows which. */
function numberIn(instruction: string): string {
  const numbers = instruction.match(/\d+/g)
  return numbers?.length === 1 ? numbers[0] : instruction
}

/** A BLS grid as CaptchaAI's fields say it (docs.captchaai.com/guides/bls-captcha). */
export const gridForm: Method<'bls'> = {
  variants: ['grid'],
  fields: gridFields,
  answer: ({ request }) => cellsAnswer(request),
}

/** The number alone, and nine data URIs. */
function gridFields({ images, instruction }: GridChallenge): Record<string, string> {
  const fields: Record<string, string> = { method: 'bls', instructions: numberIn(instruction) }
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
