import { z } from 'zod'

/** HAR 1.2 by its specification: required fields and their types. Names that begin with `_` are custom fields. */

const size = z.number().int().min(-1)
const named = z.looseObject({ name: z.string(), value: z.string() })

const request = z.looseObject({
  method: z.string().min(1),
  url: z.url(),
  httpVersion: z.string(),
  cookies: z.array(named),
  headers: z.array(named),
  queryString: z.array(named),
  // `params` and `text` exclude each other.
  postData: z.looseObject({ mimeType: z.string(), text: z.string(), params: z.never().optional() }).optional(),
  headersSize: size,
  bodySize: size,
})

const response = z.looseObject({
  status: z.number().int(),
  statusText: z.string(),
  httpVersion: z.string(),
  cookies: z.array(named),
  headers: z.array(named),
  content: z.looseObject({ size: z.number().int(), mimeType: z.string(), text: z.string().optional() }),
  redirectURL: z.string(),
  headersSize: size,
  bodySize: size,
})

const optionalTime = z.number().min(-1).optional()
const timings = z.looseObject({
  blocked: optionalTime,
  dns: optionalTime,
  connect: optionalTime,
  ssl: optionalTime,
  send: z.number().min(0),
  wait: z.number().min(0),
  receive: z.number().min(0),
})

const entry = z
  .looseObject({
    startedDateTime: z.iso.datetime(),
    time: z.number().min(0),
    request,
    response,
    cache: z.looseObject({}),
    timings,
    serverIPAddress: z.union([z.ipv4(), z.ipv6()]).optional(),
    connection: z.string().optional(),
    comment: z.string().optional(),
    _error: z.string().optional(),
  })
  .refine(({ time, timings: { blocked = -1, dns = -1, connect = -1, send, wait, receive } }) => {
    const known = [blocked, dns, connect, send, wait, receive].filter((one) => one >= 0)
    return Math.abs(known.reduce((sum, one) => sum + one, 0) - time) < 0.01
  }, '`time` is the sum of the timings')

const har = z.looseObject({
  log: z.looseObject({
    version: z.literal('1.2'),
    creator: z.looseObject({ name: z.string(), version: z.string() }),
    pages: z.array(z.looseObject({})).optional(),
    entries: z.array(entry),
    comment: z.string().optional(),
  }),
})

export type HarLog = z.infer<typeof har>['log']

/** Parses the text of a HAR file. @throws if it is not one */
export function parseHar(text: string): HarLog {
  return har.parse(JSON.parse(text)).log
}
