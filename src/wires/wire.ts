import type { Family } from '../base/challenge.js'
import type { ServiceEndpoint } from '../testing/service/behavior.js'
import type { ServiceTask } from '../testing/service/task-store.js'

/** A request as it came in, with its body read. */
export interface RawRequest {
  readonly method: string
  /** Without its query. */
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly body: string
}

/** What a customer orders. */
export interface Order {
  /** Absent where the service cannot tell. */
  readonly family?: Family | undefined
  readonly sitekey: string
  readonly pageUrl: string
  /** In base64, where it is about pictures. */
  readonly pictures?: readonly string[] | undefined
  /** What is asked about them. */
  readonly instruction?: string | undefined
  /** What it is to be solved through, as a URL. */
  readonly proxy?: string | undefined
  /** The fields as they were sent, but for the key; what is not a text as JSON. */
  readonly fields: Readonly<Record<string, string>>
  /** The error where something in it is wrong. */
  readonly wrong?: string | undefined
}

/** A reply of the desk's: a value, or an error's code. */
export type Words =
  | {
      readonly ok: string
      readonly price?: string
      /** The task that a poll's answer belongs to. */
      readonly task?: ServiceTask
    }
  | { readonly error: string }

/** Words as they go over the wire. */
export interface Spoken {
  readonly text: string
  readonly type: string
  readonly status?: number
}

/** A request that a wire understood. */
export interface Understood {
  readonly endpoint: ServiceEndpoint
  readonly key: string | undefined
  readonly keyInUrl: boolean
  /** What was sent, but for the key. */
  readonly fields: Readonly<Record<string, string>>
  /** At `in`. */
  readonly order?: Order
  /** At `in`: whether the answer comes with the task's id. */
  readonly atOnce?: boolean
  /** At `res` and `report`: the tasks that are meant. */
  readonly ids?: readonly string[]
  /** At `report`. */
  readonly good?: boolean
  /** The reply, one for each task that was asked for. */
  readonly speak: (words: readonly Words[]) => Spoken
}

/** One wire family, as a service hears and speaks it. Gives undefined for an address that it does not have. */
export type Wire = (request: RawRequest) => Understood | undefined

/** The word that stands for both. */
export function word(words: Words | undefined): string {
  if (!words) return ''
  return 'ok' in words ? words.ok : words.error
}

/** What is wrong with pictures in base64, if anything is. */
export function wrongPicture(pictures: readonly string[]): string | undefined {
  for (const base64 of pictures) {
    if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return 'ERROR_UPLOAD'
    const { length } = Buffer.from(base64, 'base64')
    if (length < 100) return 'ERROR_ZERO_CAPTCHA_FILESIZE'
    if (length > 1024 * 1024) return 'ERROR_TOO_BIG_CAPTCHA_FILESIZE'
  }
  return undefined
}

/** Whether a proxy is one that a service takes: of a kind that it knows, with a port. */
export function isProxy(proxy: string): boolean {
  return /^(?:https?|socks[45]):\/\/.+:\d{1,5}$/.test(proxy) && URL.canParse(proxy)
}

/** Values of any type as texts. */
export function asTexts(values: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : (JSON.stringify(value) ?? ''),
    ]),
  )
}

/** The fields of a JSON body; undefined if it is none. */
export function jsonFields(body: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(body)
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}
