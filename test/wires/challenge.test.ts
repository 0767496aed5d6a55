import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AnyChallenge, Family } from '../../src/base/challenge.js'
import { VARIANTS } from '../../src/base/challenge.js'
import { parseChallenge } from '../../src/guard/admission/parse-challenge.js'
import { SOLVERS } from '../../src/solvers/table.js'
import { challengeOf } from '../../src/wires/challenge.js'
import { formWire } from '../../src/wires/form.js'
import { SERVICES, type ServiceName, type ServiceWires } from '../../src/wires/services.js'
import { taskWire } from '../../src/wires/task.js'

const word = fc.stringMatching(/^[a-z][a-z0-9_]{0,20}$/)
const pageUrl = fc.constantFrom('https://staging.example.com/login', 'https://a.example:8443/x?y=1&z=%20')
const png = fc
  .uint8Array({ minLength: 100, maxLength: 300 })
  .map((bytes) => Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), bytes]))
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })
const FIELDS: { readonly [family in Family]?: Record<string, fc.Arbitrary<unknown>> } = {
  recaptcha: {
    action: optional(word),
    minScore: optional(fc.constantFrom(0.3, 0.7, 0.9)),
    dataS: optional(word),
    apiHost: optional(fc.constant('www.recaptcha.net')),
  },
  turnstile: { action: optional(word), cData: optional(word), pageData: optional(word) },
  hcaptcha: { rqdata: optional(word) },
  friendly: { scriptUrl: fc.constantFrom('https://cdn.example/friendly-challenge@0.9.20/widget.module.min.js') },
  geetest: { challenge: word, apiHost: optional(fc.constant('api-na.geetest.com')) },
  arkose: { apiHost: optional(fc.constant('client-api.arkoselabs.com')), blob: optional(word) },
  mtcaptcha: { action: optional(word) },
  captchafox: { userAgent: fc.constant('Mozilla/5.0 (X11; Linux x86_64)') },
  'aws-waf': { scriptUrl: fc.constant('https://x.sdk.awswaf.com/x/jsapi.js') },
}

const challenges = fc
  .constantFrom(...(Object.keys(VARIANTS) as Family[]))
  .filter((family) => family !== 'altcha' && family !== 'cap')
  .chain((family) =>
    fc
      .record<Record<string, unknown>>({
        family: fc.constant(family),
        variant: fc.constantFrom<string>(...VARIANTS[family]),
        pageUrl,
        ...(family === 'image'
          ? { image: png, numeric: optional(fc.constantFrom(0, 1, 2, 3, 4)), case: optional(fc.boolean()) }
          : family === 'bls'
            ? { images: fc.array(png, { minLength: 9, maxLength: 9 }), instruction: fc.constant('667') }
            : { sitekey: word, ...FIELDS[family] }),
      })
      .map((made: object) => parseChallenge(made as AnyChallenge)),
  )

describe('challengeOf', () => {
  it('reads what every solver writes, so that the same solver writes it again', () => {
    let read = 0
    fc.assert(
      fc.property(fc.constantFrom(...(Object.keys(SOLVERS) as ServiceName[])), challenges, (name, challenge) => {
        const solver = SOLVERS[name]?.()
        if (!solver || solver.unsupported(challenge) !== undefined) return
        const { path, encoding, fields } = solver.submit(challenge)
        const { form, tasks }: ServiceWires = SERVICES[name]
        const wire = encoding === 'form' ? form && formWire(form) : tasks && taskWire(tasks)
        const body =
          encoding === 'form'
            ? new URLSearchParams(fields as Record<string, string>).toString()
            : JSON.stringify({ clientKey: 'k', ...fields })
        const task = wire?.({ method: 'POST', path, query: {}, body })?.task
        // Families that these services solve only through the customer's proxy.
        const where = `TYPES in src/wires/task.ts, METHODS in src/wires/form.ts: ${name}, ${challenge.family}`
        if (task?.error !== 'ERROR_PROXY_MISSING') expect(task?.error, where).toBeUndefined()
        const back = task && challengeOf(task, challenge.pageUrl)
        const fieldsOf = `the fields of ${challenge.family} in src/wires/challenge.ts: ${name}`
        expect(back && solver.submit(parseChallenge(back)).fields, fieldsOf).toEqual(fields)
        read++
      }),
      { numRuns: 1_500 },
    )
    expect(read).toBeGreaterThan(300)
  })

  it('drops every field that no family has', () => {
    const wire = formWire('object')
    const query = { method: 'turnstile', sitekey: '0x4', pageurl: 'https://a.example/', data: 'c', soft_id: '7' }
    const task = wire({
      method: 'GET',
      path: '/in.php',
      query: { ...query, header_acao: '1', frameUrl: 'x' },
      body: '',
    })?.task
    expect(task && challengeOf(task)).toEqual({
      family: 'turnstile',
      variant: 'turnstile',
      sitekey: '0x4',
      pageUrl: 'https://a.example/',
      cData: 'c',
    })
  })
})
