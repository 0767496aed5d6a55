import { randomUUID } from 'node:crypto'
import { isPromise } from '../../base/async.js'
import type { Answer, Challenge } from '../../base/challenge.js'
import { SolveguardError } from '../../base/errors.js'
import { ZERO } from '../../policy/money.js'
import { answerLifetimeMs } from '../../widgets/table.js'
import { isBlockingTestKey, testAnswer } from '../../widgets/test-keys.js'
import type { AdmittedPage } from '../admission/gate.js'
import type { GrantContext } from '../admission/grant-context.js'
import type { Recorder } from '../observability/recorder.js'
import type { Notifier } from '../ports.js'
import type { Solution } from '../types.js'
import { type AuditEventDeps, auditEvent } from './audit-event.js'
import { RedactedSolution } from './solution.js'

/** What it takes of the guard. */
export interface FreeAnswerDeps extends AuditEventDeps, Pick<Notifier, 'emit'> {
  readonly recorder: Pick<Recorder, 'writeOrDeny'>
}

/**
 * The vendor's documented dummy answer, where the sitekey is one of its published test keys and the policy answers those.
 * @throws SolveguardError `TEST_KEY_BLOCKS` where the test key is made to fail
 */
export function testKeyAnswer({ policy }: GrantContext, challenge: Challenge): Answer | undefined {
  if (policy.testKeys !== 'answer') return undefined
  if (isBlockingTestKey(challenge)) throw testKeyBlocks(challenge)
  return testAnswer(challenge)
}

/**
 * Gives a test key's answer: no service is asked, it costs nothing, and it is on the record.
 * @throws DeniedError `AUDIT_UNAVAILABLE`
 */
export async function freeAnswer(
  deps: FreeAnswerDeps,
  grant: GrantContext,
  challenge: Challenge,
  admitted: AdmittedPage,
  answer: Answer,
): Promise<Solution> {
  const at = deps.clock.now()
  const solveId = randomUUID()
  const record = { solveId, cost: ZERO, code: 'TEST_KEY' }
  const event = auditEvent(deps, 'solved', grant, challenge, admitted, record)
  // No solver was asked.
  const written = deps.recorder.writeOrDeny({ ...event, solver: undefined })
  if (isPromise(written)) await written
  const solved = { solveId, challenge, at: new Date(at), taskId: '', cost: ZERO, durationMs: 0 }
  deps.emit('solved', solved, 'answered a test key for free')
  return new RedactedSolution(answer, {
    cost: ZERO,
    imputed: false,
    taskId: '',
    expiresAt: new Date(at + answerLifetimeMs(challenge.family)),
    report: async () => {},
    onInjected: () => {},
  })
}

function testKeyBlocks({ sitekey }: Challenge): SolveguardError {
  return new SolveguardError(
    'TEST_KEY_BLOCKS',
    `The sitekey ${sitekey} is the vendor's own for tests of a failure, so it is left to fail.`,
  )
}
