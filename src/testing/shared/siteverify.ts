import type { IncomingMessage } from 'node:http'
import { readForm } from './http.js'
import { refuse, type Tokens, type Verification } from './tokens.js'

/** The reply of a verify endpoint that takes a form with `secret` and `response`, as several vendors' endpoints do. */
export async function siteverify(request: IncomingMessage, tokens: Tokens): Promise<Verification> {
  const form = request.method === 'POST' ? await readForm(request) : undefined
  return form ? tokens.verify(form.get('secret'), form.get('response')) : refuse('bad-request')
}
