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

/** What a free answer needs from the guard. */
export interface FreeAnswerDeps extends AuditEventDeps, Pick<Notifier, 'emit'> {
  readonly recorder: Pick<Recorder, 'writeOrDeny'>
}

/**
 * The vendor's documented dummy answer, if the sitekey is a published test key and `policy.testKeys` is `answer`.
 * @throws SolveguardError `TEST_KEY_BLOCKS` if the test key always fails by design
 */
export function testKeyAnswer({ policy }: Pick<GrantContext, 'policy'>, challenge: Challenge): Answer | undefined {
  if (policy.testKeys !== 'answer') return undefined
  if (isBlockingTestKey(challenge)) throw testKeyBlocks(challenge)
  return testAnswer(challenge)
}

/**
 * Returns a test key's answer. It costs nothing, no service is called, and the audit log gets a record of it.
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
  // No solver was involved, even if the guard has exactly one.
  const written = deps.recorder.writeOrDeny({ ...event, solver: undefined })
  if (isPromise(written)) await written
  const solved = { solveId, challenge, at: new Date(at), taskId: '', cost: ZERO, durationMs: 0 }
  deps.emit('solved', solved, 'solved at no cost: the sitekey is a test key')
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
    `The sitekey ${sitekey} is a test key that the vendor made to fail, so the guard does not answer it.`,
  )
}
