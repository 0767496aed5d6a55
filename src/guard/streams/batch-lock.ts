import { createHash, randomUUID } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname, networkInterfaces } from 'node:os'
import type { MaybePromise } from '../../base/async.js'
import { printable, SolveguardError } from '../../base/errors.js'
import type { BackgroundTasks, GuardContext } from '../ports.js'

/** How long a batch belongs to its process after that one's last sign of life, and how often that is given. */
const LEASE_MS = 15_000
const HEARTBEAT_MS = 5_000
/** How often to look whether the lease of another one is over. */
const RETRY_MS = 1_000
/** How long it is known whose turn was the last: for longer than a process is asleep and then goes on. */
const TURN_TTL_MS = 7 * 86_400_000

/** The batches that this process is at, by their locks' marks: two guards of one process may want the same. */
const HELD_HERE = new Set<string>()

/** Where a process id means what it means here: this machine since it was started, and on Linux its namespace of processes. */
const MACHINE = `${hostname().slice(0, 64)}:${machine()}:${pidNamespace()}`

/** Who has a batch, or had it last. */
interface Holder {
  readonly turn: number
  readonly id: string
  /** Its last sign of life; undefined where that is too long ago, or it has let go. */
  readonly at: number | undefined
}

/** What it takes of the guard. */
export interface BatchLockDeps extends GuardContext, BackgroundTasks {}

/**
 * A batch is one process's at a time. Each time that it changes hands is a turn, a fact of the ledger under its number: whoever takes it takes
 * the next number, which only one can. Numbers go on when nobody has it, so that whoever was asleep meanwhile finds a later one than its
 * own. Another fact is the sign of life of whoever has the turn.
 */
export class BatchLock {
  readonly #deps: BatchLockDeps
  readonly #batch: string
  readonly #scope: string
  readonly #id: string
  readonly #signOfLife: string
  readonly #lost = new AbortController()
  #turn = 0
  #cancelHeartbeat = (): void => {}

  constructor(deps: BatchLockDeps, batch: string) {
    this.#deps = deps
    this.#batch = batch
    this.#scope = `batch-lock:${deps.name}/${batch}`
    // A guard may want the same batch twice.
    this.#id = `${MACHINE}:${deps.ownerId}-${randomUUID().slice(0, 8)}`
    this.#signOfLife = signOfLifeOf(this.#id)
  }

  /** Aborted once another process has the batch: this one was asleep for too long. */
  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /** @throws SolveguardError `BATCH_UNDER_WAY` where another process, that lives, is at it */
  async acquire(): Promise<void> {
    const { clock } = this.#deps
    let seenAt: number | undefined
    // A little longer than a lease: whoever lives has given a sign by then.
    for (const until = clock.monotonic() + LEASE_MS + RETRY_MS; ; ) {
      const holder = await this.#holder()
      if (holder?.at === undefined || this.#isDead(holder.id)) {
        if (await this.#acquireTurn((holder?.turn ?? 0) + 1)) return
      } else {
        seenAt ??= holder.at
        if (holder.at !== seenAt || clock.monotonic() >= until || HELD_HERE.has(holder.id)) throw this.#underWayError()
      }
      await new Promise<void>((resolve) => void clock.after(RETRY_MS, resolve))
    }
  }

  async release(): Promise<void> {
    this.#cancelHeartbeat()
    if (this.#turn === 0) return
    this.#turn = 0
    HELD_HERE.delete(this.#id)
    // With the guard closed so is its ledger: the lock is known to be nobody's here, and is over in a while elsewhere.
    if (this.lost.aborted || this.#deps.closed) return
    await this.#setFact(this.#signOfLife, '', 0)
  }

  /** Whether the turn is ours. The sign of life comes first: nobody must see a turn of somebody who seems to be dead. */
  async #acquireTurn(turn: number): Promise<boolean> {
    await this.#setFact(this.#signOfLife, '', LEASE_MS)
    const stands = await this.#claim(turn)
    const holder = await this.#holder()
    // Asleep since it looked, it may have taken a turn that was over and forgotten.
    if (stands !== this.#id || holder?.turn !== turn) {
      await this.#setFact(this.#signOfLife, '', 0)
      return false
    }
    this.#turn = turn
    HELD_HERE.add(this.#id)
    this.#scheduleHeartbeat()
    return true
  }

  /** Whose a turn is from now on: ours, unless somebody else took it. */
  #claim(turn: number): MaybePromise<string> {
    return this.#setFact(`turn/${turn}`, this.#id, TURN_TTL_MS, true)
  }

  #setFact(name: string, value: string, ttlMs: number, ifAbsent = false): MaybePromise<string> {
    const { ledger, clock } = this.#deps
    return ledger.setFact({ scope: this.#scope, name, value, ttlMs: ttlMs, ifAbsent: ifAbsent }, clock.now())
  }

  /** Whose the last turn was. What is known of those before it is forgotten. */
  async #holder(): Promise<Holder | undefined> {
    const facts = await this.#deps.ledger.listFacts(this.#scope, this.#deps.clock.now())
    const turns = facts.flatMap(({ name, value }) => {
      const turn = /^turn\/(\d{1,15})$/.exec(name)?.[1]
      return turn === undefined ? [] : [{ turn: Number(turn), name, id: value }]
    })
    const [last, ...before] = turns.sort((a, b) => b.turn - a.turn)
    for (const { name, id } of before) await this.#setFact(name, id, 0)
    return last && { ...last, at: facts.find(({ name }) => name === signOfLifeOf(last.id))?.at }
  }

  #scheduleHeartbeat(): void {
    this.#cancelHeartbeat = this.#deps.clock.after(
      HEARTBEAT_MS,
      () => this.#deps.background(() => this.#heartbeat(), 'LEDGER_UNAVAILABLE'),
      false,
    )
  }

  async #heartbeat(): Promise<void> {
    if (this.#deps.closed) return
    try {
      const holder = await this.#holder()
      // Let go of meanwhile.
      if (this.#turn === 0) return
      if (holder && holder.turn > this.#turn) return await this.#lose()
      await this.#setFact(this.#signOfLife, '', LEASE_MS)
      if ((await this.#claim(this.#turn)) !== this.#id) return await this.#lose()
    } finally {
      // Also where the ledger has failed: it may answer the next time.
      if (!this.lost.aborted && this.#turn > 0) this.#scheduleHeartbeat()
    }
  }

  async #lose(): Promise<void> {
    this.#lost.abort(this.#underWayError())
    await this.#setFact(this.#signOfLife, '', 0)
  }

  #underWayError(): SolveguardError {
    return new SolveguardError(
      'BATCH_UNDER_WAY',
      `Another process is at work on the batch ${printable(this.#batch, 64)}; it can be taken up when that one has ended.`,
    )
  }

  /** Whether the process that holds it is known to have ended: it was on this machine, and is there no more. */
  #isDead(id: string): boolean {
    if (!id.startsWith(`${MACHINE}:`)) return false
    const pid = Number(id.slice(MACHINE.length + 1).split('-')[0])
    if (pid === process.pid) return !HELD_HERE.has(id)
    try {
      process.kill(pid, 0)
      return false
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ESRCH'
    }
  }
}

/** The name of a fact: short, whatever a machine is called. */
function signOfLifeOf(id: string): string {
  return `here/${digest(id)}`
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

/** Names the machine: others may have the same host name, and the same namespaces. */
function machine(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim().slice(0, 36)
  } catch {
    const addresses = Object.values(networkInterfaces()).flatMap((all = []) => all.map(({ mac }) => mac))
    return digest([...new Set(addresses)].sort().join())
  }
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return ''
  }
}
