import { readFileSync } from 'node:fs'
import { ok, type Recorded } from './contract.js'

/** A reply of CaptchaAI's, as recorded. */
export const fixture = (name: string): string =>
  readFileSync(new URL(`../../fixtures/replies/captchaai/${name}`, import.meta.url), 'utf8')
const TOKEN = fixture('ready.txt').slice('OK|'.length)

export const json: Recorded = {
  submitted: { reply: ok(fixture('submit.json')), taskId: '74238956102' },
  ready: { reply: ok(fixture('ready.json')), token: TOKEN },
  pending: ok(fixture('pending.json')),
  balance: { reply: ok(fixture('balance.json')), micros: 12_345_678 },
  error: (code) => ok(JSON.stringify({ status: 0, request: code })),
}
export const plain: Recorded = {
  submitted: { reply: ok(fixture('submit.txt')), taskId: '74238956102' },
  ready: { reply: ok(fixture('ready.txt')), token: TOKEN },
  pending: ok(fixture('pending.txt')),
  balance: { reply: ok(fixture('balance.txt')), micros: 12_345_678 },
  error: (code) => ok(code),
}

/** What each service of the table says, in each form that it says it in. */
export const RECORDED: Readonly<Record<string, readonly Recorded[]>> = { captchaai: [json, plain] }
