import { expect } from 'vitest'
import { Gate } from '../../../src/guard/admission/gate.js'
import { parsePolicy } from '../../../src/policy/schema.js'
import { reply, serve } from '../../../src/testing/shared/http.js'
import type { FakeGrant } from '../fake-grant.js'

/** A page of another origin, with the vendor's script, which reports when what the plugin reads is read. */
export interface UnnamedPage extends AsyncDisposable {
  readonly url: string
  wasRead(): boolean
}

/** The part of a page, or of a frame, that is used here. */
interface Methods {
  findRecaptchas(): Promise<{ error: string | null }>
  solveRecaptchas(): Promise<{ error: string | null; captchas: readonly unknown[] }>
  solveCaptchas(): Promise<{ denied: readonly { error: { code: string } }[]; solved: readonly unknown[] }>
}

export async function startUnnamedPage(): Promise<UnnamedPage> {
  let read = false
  const server = await serve((request, response) => {
    if (request.url === '/read') read = true
    if (request.url !== '/') return reply(response, 'html', '')
    const trap = `Object.defineProperty(window, '___grecaptcha_cfg', { get() { void fetch('/read'); return {} } })
      const run = window.eval
      window.eval = (code) => { if (String(code).includes('___grecaptcha_cfg')) void fetch('/read'); return run(code) }`
    const vendor = '<script src="/recaptcha/api.js" type="text/plain"></script>'
    return reply(response, 'html', `<!doctype html><script>${trap}</script>${vendor}`)
  })
  return {
    url: `http://localhost:${server.port}/`,
    wasRead: () => read,
    [Symbol.asyncDispose]: () => server.close(),
  }
}

/** Names one origin only, as a guard's policy does. */
export function nameOnly(grant: FakeGrant, origin: string): void {
  const gate = new Gate(parsePolicy({ origins: [origin] }))
  grant.unnamed = (what, address) => gate.originDenial(what, address)
}

/** Asks for everything in a place that the policy does not name: nothing may run there, and each solve is denied. */
export async function expectDenied(place: Methods, grant: FakeGrant, there: UnnamedPage): Promise<void> {
  await place.findRecaptchas()
  expect(grant.unnamedPlaces).toEqual([])
  expect(await place.solveRecaptchas()).toMatchObject({ error: expect.stringContaining('ORIGIN_NOT_NAMED') })
  expect(await place.solveCaptchas()).toMatchObject({ denied: [{ error: { code: 'ORIGIN_NOT_NAMED' } }], solved: [] })
  expect(grant.unnamedPlaces).toHaveLength(2)
  expect(there.wasRead()).toBe(false)
}
