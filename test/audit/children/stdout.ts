// A process that audits to standard output, whose reader ends: it writes the results of its writes to stderr.
import { stdoutAudit } from '../../../src/audit/stdout.js'
import { authorized, NOON } from '../events.js'

const sink = stdoutAudit()
await sink.open('checkout-tests', NOON)
const outcomes: string[] = []
for (let i = 0; i < 50; i++) {
  try {
    await sink.write([authorized])
    outcomes.push('written')
  } catch (error) {
    outcomes.push((error as { code: string }).code)
  }
  await new Promise((resolve) => setTimeout(resolve, 20))
  if (outcomes.at(-1) === 'AUDIT_UNAVAILABLE') break
}
await sink.close()
process.stderr.write(JSON.stringify(outcomes))
