import { readFileSync } from 'node:fs'
import type { SolverOptions } from '../../src/solvers/options.js'
import type { Solver } from '../../src/solvers/solver.js'
import { twoCaptcha } from '../../src/solvers/two-captcha.js'
import { ok, type Recorded } from './contract.js'

/** A reply of a service's, as recorded. */
const recording = (service: string, name: string): string =>
  readFileSync(new URL(`../../fixtures/replies/${service}/${name}`, import.meta.url), 'utf8')

/** One of CaptchaAI's. */
export const fixture = (name: string): string => recording('captchaai', name)
const TOKEN = fixture('ready.txt').slice('OK|'.length)

const json: Recorded = {
  submitted: { reply: ok(fixture('submit.json')), taskId: '74238956102' },
  ready: { reply: ok(fixture('ready.json')), token: TOKEN },
  pending: ok(fixture('pending.json')),
  balance: { reply: ok(fixture('balance.json')), micros: 12_345_678 },
  error: (code) => ok(JSON.stringify({ status: 0, request: code })),
}
const plain: Recorded = {
  submitted: { reply: ok(fixture('submit.txt')), taskId: '74238956102' },
  ready: { reply: ok(fixture('ready.txt')), token: TOKEN },
  pending: ok(fixture('pending.txt')),
  balance: { reply: ok(fixture('balance.txt')), micros: 12_345_678 },
  error: (code) => ok(code),
}

function tasks(service: string, taskId: string, pending = 'pending.json'): Recorded {
  const reply = (name: string) => ok(recording(service, name))
  return {
    submitted: { reply: reply('submit.json'), taskId },
    ready: {
      reply: reply('ready.json'),
      token: JSON.parse(recording(service, 'ready.json')).solution.gRecaptchaResponse,
    },
    pending: reply(pending),
    balance: { reply: reply('balance.json'), micros: 12_345_678 },
    error: (code) => ok(JSON.stringify({ errorId: 1, errorCode: code, errorDescription: 'In other words' })),
  }
}

const UUID = '61138bb6-19fb-11ec-a9c8-0242ac110006'

/** What each service of the table says, in each form that it says it in. */
export const RECORDED: Readonly<Record<string, readonly Recorded[]>> = {
  captchaai: [json, plain],
  twocaptcha: [tasks('twocaptcha', '74372499131')],
  anticaptcha: [tasks('anticaptcha', '7654321')],
  capmonster: [tasks('capmonster', '407533072'), tasks('capmonster', '407533072', 'not-ready.json')],
  capsolver: [tasks('capsolver', UUID), tasks('capsolver', UUID, 'idle.json')],
}

/** Services that can be spoken to in more than one way: the ways besides the one of the table, and what they say there. */
export const OTHER_WAYS: Readonly<Record<string, { make: (options?: SolverOptions) => Solver; recorded: Recorded }>> = {
  twocaptcha: { make: (options) => twoCaptcha({ ...options, api: 'v1' }), recorded: json },
}
