import { z } from 'zod'

/** The most that a frame may say, in characters. */
export const MAX_REPLY_LENGTH = 1_000_000

/** A sitekey as most vendors have them. */
export const sitekey = z.string().regex(/^[\w.:-]{1,256}$/)

/** An API key of Amazon WAF's: what AWS has encrypted, in Base64. */
export const encryptedKey = z.string().regex(/^[\w+/=-]{1,2048}$/)

/** A value that is dropped by itself where it is odd: the widget can still be solved. */
export const printable = (max: number) =>
  z
    .string()
    .regex(/^[\x20-\x7e]+$/)
    .max(max)
    .optional()
    .catch(undefined)

/** A whole address of the web, without credentials; dropped by itself where it is odd. */
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

/** A host, with a port perhaps; dropped by itself where it is odd. */
export const host = z
  .string()
  .regex(/^[a-z0-9.-]{1,253}(:\d{1,5})?$/)
  .optional()
  .catch(undefined)
