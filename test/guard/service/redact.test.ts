import { expect, it } from 'vitest'
import type { Reply } from '../../../src/base/wire.js'
import { redactReply } from '../../../src/guard/service/redact.js'
import type { BatchPollResult, Failure } from '../../../src/solvers/solver.js'

const PASSWORD = 'p4ss-w0rd'

const failure = (message: string): Failure => ({
  kind: 'failure',
  class: 'unknown',
  code: message.split(' ')[0] ?? '',
  message,
  charged: false,
  ambiguous: false,
})
const reply = (body: string): Reply => ({ status: 200, contentType: 'text/plain', body })

it("a failure's code and message do not hold a hidden value that the service repeats", () => {
  const redacted = redactReply(reply(`${PASSWORD} was refused`), ({ body }) => failure(body), [PASSWORD])
  expect(redacted).toMatchObject({ class: 'unknown', code: '***', message: '*** was refused' })
})

it('a failure among the results of a batch poll is masked as well', () => {
  const read = ({ body }: Reply): BatchPollResult => ({
    kind: 'batch',
    results: body.split('|').map((part) => (part === 'wait' ? { kind: 'pending' } : failure(part))),
  })
  expect(redactReply(reply(`wait|no ${PASSWORD}`), read, [PASSWORD])).toMatchObject({
    results: [{ kind: 'pending' }, { kind: 'failure', message: 'no ***' }],
  })
})

it('a failure whose masked reply is read differently keeps its class and loses its message', () => {
  const read = ({ body }: Reply) => (body.includes(PASSWORD) ? failure(body) : ({ kind: 'pending' } as const))
  const redacted = redactReply(reply(`no ${PASSWORD}`), read, [PASSWORD])
  expect(redacted).toMatchObject({ kind: 'failure', class: 'unknown', code: 'REDACTED' })
  expect(JSON.stringify(redacted)).not.toContain(PASSWORD)
})
