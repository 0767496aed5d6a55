import type { GridChallenge, ImageChallenge, TextHints } from '../base/challenge.js'
import { pictureType } from '../base/picture.js'
import { cellsAnswer, textAnswer } from './answers.js'
import type { Method } from './capabilities.js'
import { textOf } from './reply.js'

/** Where services of the form family differ. */
interface ImageForm {
  /** The names of the hints whose names differ. */
  readonly names: { readonly minLength: string; readonly maxLength: string }
  /** The size of a picture: least and most bytes. */
  readonly bytes: readonly [min: number, max: number]
}

/** The text of a picture in the form family's fields (https://2captcha.com/2captcha-api#solving_normal_captcha). */
export function imageForm({ names, bytes }: ImageForm): Method<'image'> {
  return {
    variants: ['text'],
    fields: (challenge) => imageFields(challenge, names),
    unsupported: ({ image }) => wrongSize(image, bytes),
    answer: ({ request }) => textAnswer(textOf(request)),
  }
}

/** Hints that were not given are absent. */
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

/** Where services of the task family differ. */
interface ImageTask {
  /** The size of a picture: least and most bytes. */
  readonly bytes: readonly [min: number, max: number]
  /** The service's fields for the hints. */
  readonly hints: (hints: TextHints) => Readonly<Record<string, unknown>>
}

/** The text of a picture as a task (https://anti-captcha.com/apidoc/task-types/ImageToTextTask). */
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

function wrongSize({ length }: Uint8Array, [min, max]: readonly [number, number]): string | undefined {
  return length >= min && length <= max ? undefined : `a picture of ${length} bytes (it takes ${min} to ${max})`
}

/** The properties that have a value. */
function given<T extends object>(values: T): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T
}

/** A BLS grid as a task of CapMonster Cloud (https://docs.capmonster.cloud/docs/captchas/compleximage/bls). */
export function gridTask(bytes: readonly [min: number, max: number]): Method<'bls'> {
  return {
    variants: ['grid'],
    fields: ({ images, instruction }) => ({
      type: 'ComplexImageTask',
      class: 'recognition',
      imagesBase64: images.map(base64),
      metadata: { Task: 'bls_3x3', TaskArgument: numberIn(instruction) },
    }),
    unsupported: ({ images }) => images.map((image) => wrongSize(image, bytes)).find((wrong) => wrong !== undefined),
    // For each picture, whether the instruction means it.
    answer: ({ answer }) =>
      Array.isArray(answer) && answer.length === 9
        ? cellsAnswer(answer.flatMap((isMeant, at) => (isMeant === true ? [at + 1] : [])))
        : undefined,
  }
}

/**
 * Of "Please select all boxes with number 664" the service needs the number. Where there are several, it gets the
 * sentence.
 */
function numberIn(instruction: string): string {
  const numbers = instruction.match(/\d+/g)
  return numbers?.length === 1 ? numbers[0] : instruction
}

/** A BLS grid in CaptchaAI's fields (https://docs.captchaai.com/guides/bls-captcha). */
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
