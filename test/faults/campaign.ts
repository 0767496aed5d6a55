import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Workload } from './children/run.js'
import { allByteFaults, allFaults, type Fault, faultText, parseFault, randomFrom, sample } from './faults.js'
import { type FaultRig, startFaultRig, type Verdict } from './rig.js'

/** What is injected: calls that fail, kills at a call, stops at a call, connections, a limit of descriptors. */
export type Plane = 'errors' | 'kills' | 'stops' | 'bytes' | 'descriptors'

/** How many runs a plane of a workload gets: in a sample of some seconds, and usually, in minutes. */
export interface Amounts {
  readonly sample: number
  readonly usual: number
}

/** `sample`, `all` (hours), or nothing. */
const SIZE = process.env.FAULTS ?? ''
/** Another one chooses other faults. */
const SEED = Number(process.env.FAULTS_SEED ?? 1)
/** One run, as a failure names it: `solve | pwrite:wal:3 EIO once`. Several: `solve | … | …`. */
const [ONLY_WORKLOAD, ...ONLY_FAULTS] = process.env.FAULTS_ONLY?.split('|').map((part) => part.trim()) ?? []
/** How many processes run at a time, in each file. */
const LANES = Number(process.env.FAULTS_LANES ?? 2)
/** With so many more descriptors than Node needs, nothing fails. */
const MANY_DESCRIPTORS = 30

/**
 * Tests workloads: everything holds without a fault, and with each of the chosen ones. Which ones is a matter of the
 * seed, and of the calls that a run without a fault makes.
 * @param found faults with which something did not hold once: they are always chosen
 */
export function faultTests(
  workloads: readonly Workload[],
  planes: Readonly<Partial<Record<Plane, Amounts>>>,
  found: Readonly<Partial<Record<Workload, readonly string[]>>> = {},
): void {
  const tested = workloads.filter((workload) => ONLY_WORKLOAD === undefined || workload === ONLY_WORKLOAD)
  if (tested.length === 0) {
    it.todo(`${workloads}: not this time`)
    return
  }
  let rig: FaultRig
  beforeAll(async () => {
    rig = await startFaultRig()
  })
  afterAll(() => rig?.close())

  for (const workload of tested) {
    it(`${workload}: everything holds, whatever fails`, async () => {
      if (ONLY_WORKLOAD !== undefined) return expectNone(await runAll(rig, workload, ONLY_FAULTS.map(parseFault)))
      const clean = await rig.run(workload, { kind: 'none' })
      const failures = clean.problems.map((problem) => `without a fault: ${problem}`)
      const before = (found[workload] ?? []).map(parseFault).filter((fault) => isSupported(rig, fault))
      failures.push(...(await runAll(rig, workload, before, 'found before')))
      for (const [plane, amounts] of Object.entries(planes) as [Plane, Amounts][]) {
        const faults = await chosen(plane, amounts, clean, rig, workload)
        failures.push(...(await runAll(rig, workload, faults, plane)))
      }
      expectNone(failures)
    })
  }
}

function expectNone(failures: readonly string[]): void {
  expect(failures).toEqual([])
}

async function chosen(
  plane: Plane,
  amounts: Amounts,
  clean: Verdict,
  rig: FaultRig,
  workload: Workload,
): Promise<Fault[]> {
  const random = randomFrom(SEED + hashOf(`${workload} ${plane}`))
  const fewest = plane === 'descriptors' ? await rig.fewestDescriptors() : 0
  const faults = [...faultsOf(plane, clean, fewest)]
  const all = faults.filter((fault) => isSupported(rig, fault))
  return SIZE === 'all' ? all : sample(all, SIZE === 'sample' ? amounts.sample : amounts.usual, random)
}

function isSupported(rig: FaultRig, fault: Fault): boolean {
  return fault.kind !== 'call' || rig.injector.supports(fault)
}

function* faultsOf(plane: Plane, { calls, passed }: Verdict, fewest: number): Generator<Fault> {
  switch (plane) {
    case 'bytes':
      return yield* allByteFaults(passed)
    case 'descriptors':
      for (let more = 0; more < MANY_DESCRIPTORS; more++) yield { kind: 'descriptors', most: fewest + more }
      return
    default:
      return yield* allFaults(calls, plane)
  }
}

/** @returns a text for each run in which something does not hold */
async function runAll(rig: FaultRig, workload: Workload, faults: readonly Fault[], plane = ''): Promise<string[]> {
  if (faults.length === 0) return []
  const failures: string[] = []
  let next = 0
  let reached = 0
  const lane = async (): Promise<void> => {
    for (let fault = faults[next++]; fault !== undefined; fault = faults[next++]) {
      const verdict = await rig.run(workload, fault)
      if (verdict.reached) reached++
      if (verdict.problems.length === 0) continue
      const command = `FAULTS_ONLY='${workload} | ${faultText(fault)}' npm test -- --project faults`
      failures.push(`${command}\n${verdict.problems.map((problem) => `  ${problem}`).join('\n')}`)
      // A long sweep says at once what it has found.
      console.error(failures.at(-1))
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  const seed = `seed ${SEED}`
  console.log(
    `${workload}, ${plane} (${seed}): ${faults.length} runs, ${reached} faults happened, ${failures.length} failed`,
  )
  return failures
}

function hashOf(text: string): number {
  let hash = 0
  for (const char of text) hash = (Math.imul(hash, 31) + char.charCodeAt(0)) >>> 0
  return hash
}
