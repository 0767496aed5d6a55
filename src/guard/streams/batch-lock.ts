import { createHash, randomUUID } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname, networkInterfaces } from 'node:os'
import type { MaybePromise } from '../../base/async.js'
import { printable, SolveguardError } from '../../base/errors.js'
import type { BackgroundTasks, GuardContext } from '../ports.js'

/** How long a process holds a batch after its last heartbeat. */
const LEASE_MS = 15_000
const HEARTBEAT_MS = 5_000
/** How often a process that waits for the lock reads whether the lease of its holder has expired. */
const RETRY_MS = 1_000
/** How long a turn is stored: longer than a process may be suspended and then continue. */
const TURN_TTL_MS = 7 * 86_400_000

/** The ids of the locks that this copy of the module holds: two guards of one process may want the same batch. */
const HELD_HERE = new Set<string>()
/** Part of the ids of its locks. Each worker thread, and each copy of the package in a process, has one of its own. */
const COPY = randomUUID().slice(0, 8)

/** How long after its last heartbeat a process still holds the batch for certain, with time left for a submit. */
const CONFIRMED_MS = LEASE_MS - HEARTBEAT_MS

/** The scope in which a process id is unique: this machine since its boot, and on Linux the PID namespace. */
const MACHINE = `${hostname().slice(0, 64)}:${machine()}:${pidNamespace()}`

/** The lock that holds a batch, or held it last. */
interface Holder {
  readonly turn: number
  readonly id: string
  /** Its last heartbeat, in wall-clock ms; undefined if its lease has expired, or it released the batch. */
  readonly at: number | undefined
}

/** What a batch lock needs from the guard. */
export interface BatchLockDeps extends GuardContext, BackgroundTasks {}

/**
 * Exclusive lock on a batch. Each acquisition writes the fact `turn/<n>` with `ifAbsent`, where n is the last turn plus
 * one: only one process can write it. n is a fencing token. It keeps growing after a release, so that a process that
 * was suspended meanwhile finds a later turn than its own. A second fact is the heartbeat of the holder.
 */
export class BatchLock {
  readonly #deps: BatchLockDeps
  readonly #batch: string
  readonly #scope: string
  readonly #id: string
  readonly #heartbeatName: string
  readonly #lost = new AbortController()
  #turn = 0
  /** When the last heartbeat was begun that the ledger has stored. On both clocks: a machine may sleep. */
  #renewed = { wall: 0, monotonic: 0 }
  #renewing: Promise<void> | undefined
  #cancelHeartbeat = (): void => {}

  constructor(deps: BatchLockDeps, batch: string) {
    this.#deps = deps
    this.#batch = batch
    this.#scope = `batch-lock:${deps.name}/${batch}`
    // Random, because a guard may want the same batch twice.
    this.#id = `${MACHINE}:${deps.ownerId}-${COPY}-${randomUUID().slice(0, 8)}`
    this.#heartbeatName = heartbeatNameOf(this.#id)
  }

  /** Aborted when another process has acquired the batch, because this one was suspended for too long. */
  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /** @throws SolveguardError `BATCH_UNDER_WAY` if another live process holds the batch */
  async acquire(): Promise<void> {
    const { clock } = this.#deps
    let firstHeartbeat: number | undefined
    // A little longer than a lease: a live holder has sent another heartbeat by then.
    for (const until = clock.monotonic() + LEASE_MS + RETRY_MS; ; ) {
      const holder = await this.#holder()
      if (holder?.at === undefined || this.#isDead(holder.id)) {
        if (await this.#acquireTurn((holder?.turn ?? 0) + 1)) return
        if (clock.monotonic() >= until) throw this.#underWayError()
      } else {
        firstHeartbeat ??= holder.at
        if (holder.at !== firstHeartbeat || clock.monotonic() >= until || HELD_HERE.has(holder.id))
          throw this.#underWayError()
      }
      await new Promise<void>((resolve) => void clock.after(RETRY_MS, resolve))
    }
  }

  async release(): Promise<void> {
    this.#cancelHeartbeat()
    if (this.#turn === 0) return
    this.#turn = 0
    HELD_HERE.delete(this.#id)
    // A closed guard has a closed ledger. On this machine the lock counts as released; elsewhere its lease expires.
    if (this.lost.aborted || this.#deps.closed) return
    await this.#setFact(this.#heartbeatName, '', 0)
  }

  /**
   * Writes the heartbeat first: no other process may see this turn without one. @returns whether this lock has the turn
   */
  async #acquireTurn(turn: number): Promise<boolean> {
    const renewed = this.#time()
    await this.#setFact(this.#heartbeatName, '', LEASE_MS)
    const ownerId = await this.#claim(turn)
    const holder = await this.#holder()
    // If this process was suspended before this call, it may have claimed an earlier turn that was already deleted.
    if (ownerId !== this.#id || holder?.turn !== turn) {
      await this.#setFact(this.#heartbeatName, '', 0)
      return false
    }
    this.#turn = turn
    this.#renewed = renewed
    HELD_HERE.add(this.#id)
    this.#scheduleHeartbeat()
    return true
  }

  /** Claims a turn. @returns the id of the lock that has it: this one, unless another was first */
  #claim(turn: number): MaybePromise<string> {
    return this.#setFact(`turn/${turn}`, this.#id, TURN_TTL_MS, true)
  }

  #setFact(name: string, value: string, ttlMs: number, ifAbsent = false): MaybePromise<string> {
    const { ledger, clock } = this.#deps
    return ledger.setFact({ scope: this.#scope, name, value, ttlMs, ifAbsent }, clock.now())
  }

  /** The holder of the last turn. Deletes the facts of earlier turns. */
  async #holder(): Promise<Holder | undefined> {
    const facts = await this.#deps.ledger.listFacts(this.#scope, this.#deps.clock.now())
    const turns = facts.flatMap(({ name, value }) => {
      const turn = /^turn\/(\d{1,15})$/.exec(name)?.[1]
      return turn === undefined ? [] : [{ turn: Number(turn), name, id: value }]
    })
    const [last, ...before] = turns.sort((a, b) => b.turn - a.turn)
    for (const { name, id } of before) await this.#setFact(name, id, 0)
    return last && { ...last, at: facts.find(({ name }) => name === heartbeatNameOf(last.id))?.at }
  }

  #scheduleHeartbeat(): void {
    this.#cancelHeartbeat = this.#deps.clock.after(
      HEARTBEAT_MS,
      () => this.#deps.background(() => this.#heartbeat(), 'LEDGER_UNAVAILABLE'),
      false,
    )
  }

  /**
   * Confirms, before something is bought, that no other process has acquired the batch. Asks the ledger only where the
   * last heartbeat is so old that one may have: the process was suspended, or heartbeats could not be written.
   * @throws SolveguardError `BATCH_UNDER_WAY`; what the ledger throws
   */
  confirm(): MaybePromise<void> {
    if (this.#deps.closed) return
    this.lost.throwIfAborted()
    const { wall, monotonic } = this.#time()
    if (Math.max(wall - this.#renewed.wall, monotonic - this.#renewed.monotonic) < CONFIRMED_MS) return
    return this.#renew().then(() => this.lost.throwIfAborted())
  }

  async #heartbeat(): Promise<void> {
    if (this.#deps.closed) return
    try {
      await this.#renew()
    } finally {
      // Also after a failure of the ledger: it may answer the next time.
      if (!this.lost.aborted && this.#turn > 0) this.#scheduleHeartbeat()
    }
  }

  /** One call at a time: many items may need it at once. */
  #renew(): Promise<void> {
    this.#renewing ??= this.#renewNow().finally(() => {
      this.#renewing = undefined
    })
    return this.#renewing
  }

  async #renewNow(): Promise<void> {
    const renewed = this.#time()
    const holder = await this.#holder()
    // Released meanwhile.
    if (this.#turn === 0) return
    if (holder && holder.turn > this.#turn) return await this.#lose()
    await this.#setFact(this.#heartbeatName, '', LEASE_MS)
    if ((await this.#claim(this.#turn)) !== this.#id) return await this.#lose()
    this.#renewed = renewed
  }

  #time(): { wall: number; monotonic: number } {
    const { clock } = this.#deps
    return { wall: clock.now(), monotonic: clock.monotonic() }
  }

  async #lose(): Promise<void> {
    this.#lost.abort(this.#underWayError())
    await this.#setFact(this.#heartbeatName, '', 0)
  }

  #underWayError(): SolveguardError {
    return new SolveguardError(
      'BATCH_UNDER_WAY',
      `Another process is working on the batch ${printable(this.#batch, 64)}; retry when that process has ended.`,
    )
  }

  /** Whether the holding process is known to have ended: it ran on this machine, and no longer exists. */
  #isDead(id: string): boolean {
    if (!id.startsWith(`${MACHINE}:`)) return false
    const pid = Number(id.slice(MACHINE.length + 1).split('-')[0])
    // Another thread or copy of the package may hold it: then its lease says whether it lives.
    if (pid === process.pid) return id.includes(`-${COPY}-`) && !HELD_HERE.has(id)
    try {
      process.kill(pid, 0)
      return false
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ESRCH'
    }
  }
}

/** The name of the heartbeat's fact. Hashed, because the host name in an id may be long. */
function heartbeatNameOf(id: string): string {
  return `here/${digest(id)}`
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

/** An id of this machine and boot: other machines may have the same host name, and the same namespaces. */
function machine(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim().slice(0, 36)
  } catch {
    return networkAddresses()
  }
}

/** Never throws: it is called while the package is imported. */
function networkAddresses(): string {
  try {
    const addresses = Object.values(networkInterfaces()).flatMap((all = []) => all.map(({ mac }) => mac))
    return digest([...new Set(addresses)].sort().join())
  } catch {
    // No descriptor is left. As on a machine of its own: its lease alone says whether this process is alive.
    return randomUUID()
  }
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return ''
  }
}
