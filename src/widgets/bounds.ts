import { z } from 'zod'

/** The longest reply that is accepted from a frame, in characters. */
export const MAX_REPLY_LENGTH = 1_000_000

/** Whether a text is what a page has in the place of a sitekey where a deployment lacks that setting. */
export const isPlaceholder = (text: string): boolean => /^(undefined|null|nan|true|false|your[-_.].*)$/i.test(text)

/** A sitekey of most vendors. */
export const sitekey = z
  .string()
  .regex(/^[\w.:-]{1,256}$/)
  .refine((text) => !isPlaceholder(text))

/** An API key of Amazon WAF: encrypted by AWS, in Base64. */
export const encryptedKey = z
  .string()
  .regex(/^[\w+/=-]{1,2048}$/)
  .refine((text) => !isPlaceholder(text))

/** An optional value. If it is invalid it alone is dropped: the widget can still be solved. */
export const printableText = (max: number) =>
  z
    .string()
    .regex(/^[\x20-\x7e]+$/)
    .max(max)
    .optional()
    .catch(undefined)

/** An absolute `http:` or `https:` address without credentials. If it is invalid it alone is dropped. */
export const address = z
  .string()
  .max(2_048)
  .refine((text) => {
    if (!/^https?:\/\/[\x21-\x7e]+$/.test(text) || !URL.canParse(text)) return false
    const { username, password } = new URL(text)
    return !username && !password
  })
  .optional()
  .catch(undefined)

/** A host, with an optional port. If it is invalid it alone is dropped. */
export const host = z
  .string()
  .regex(/^[a-z0-9.-]{1,253}(:\d{1,5})?$/)
  .optional()
  .catch(undefined)
