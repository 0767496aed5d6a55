import { expect } from 'vitest'
import type { Challenge } from '../../../src/base/challenge.js'
import type { Guard, StreamOptions, StreamResult } from '../../../src/guard/types.js'
import { memoryLedger } from '../../../src/ledger/memory.js'
import { type SolverService, startSolverService } from '../../../src/testing/service/index.js'
import { eventually } from '../../support/wait.js'
import { after, challenge, rig } from '../support.js'

export const pages = (count: number): Challenge[] =>
  Array.from({ length: count }, (_, n) => ({
    ...challenge,
    pageUrl: `https://staging.example.com/${n}?session=s3cret-${n}`,
  }))

/** A ledger and a service that several guards use one after the other. */
export async function sharedServices(service: Parameters<typeof startSolverService>[0] = {}) {
  const running = await startSolverService(service)
  after(() => running.close())
  return { service: running, ledger: memoryLedger() }
}

export async function all(
  guard: Guard,
  challenges: readonly Challenge[],
  options: StreamOptions,
): Promise<StreamResult[]> {
  const results: StreamResult[] = []
  for await (const result of guard.stream(challenges, options)) results.push(result)
  return results
}

/** The first process: submits all, and is closed while the service solves them. The service then has the answers. */
export async function leaveUnfinished(
  service: SolverService,
  ledger: ReturnType<typeof memoryLedger>,
  challenges: readonly Challenge[],
  batch: StreamOptions['batch'] = 'b',
) {
  const { guard } = await rig({ service, ledger })
  const before = service.tasks.length
  service.always('in', { pendingTimes: 1_000_000 })
  const streaming = all(guard, challenges, { batch, concurrency: challenges.length })
  const submitted = () => service.tasks.slice(before)
  await eventually(() => submitted().length === challenges.length && submitted().every(({ polls }) => polls > 0))
  await guard.close()
  const codes = (await streaming).map((result) => !result.ok && result.error.code)
  expect(codes).toEqual(challenges.map(() => 'GUARD_CLOSED'))
  service.always('in', undefined)
  service.always('res', { pendingTimes: 0 })
}
