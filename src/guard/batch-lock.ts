import { readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { printable, SolveguardError } from '../base/errors.js'
import type { Core } from './core.js'

/** How long a batch belongs to its process after that one's last sign of life, and how often that is given. */
const LEASE_MS = 15_000
const BEAT_MS = 5_000
/** How often to look whether the lease of another one is over. */
const LOOK_MS = 1_000

/** The batches that this process is at, by their locks' marks: two guards of one process may want the same. */
const OURS = new Set<string>()

/** Where a process id means what it means here: this machine, and on Linux its namespace of processes. */
const PLACE = `${hostname().slice(0, 64)}:${pidNamespace()}`

/**
 * A batch is one process's at a time. The lock is a fact of the ledger, under the number of times that it changed hands: whoever takes it from
 * a dead process takes the next number, which only one can.
 */
export class BatchLock {
  readonly #core: Core
  readonly #batch: string
  readonly #scope: string
  readonly #mark: string
  readonly #lost = new AbortController()
  #turn = 0
  #cancelBeat = (): void => {}

  constructor(core: Core, batch: string) {
    this.#core = core
    this.#batch = batch
    this.#scope = `batch-lock:${core.name}/${batch}`
    this.#mark = `${PLACE}:${core.ownerId}`
  }

  /** Aborted once another process has the batch: this one was asleep for too long. */
  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /** @throws SolveguardError `BATCH_UNDER_WAY` where another process, that lives, is at it */
  async take(): Promise<void> {
    const { clock } = this.#core
    let seenAt: number | undefined
    // A little longer than a lease: whoever lives has given a sign by then.
    for (const until = clock.monotonic() + LEASE_MS + LOOK_MS; ; ) {
      const holder = await this.#holder()
      if (!holder || this.#isDead(holder.mark)) {
        const turn = (holder?.turn ?? 0) + 1
        if ((await this.#claim(turn)) === this.#mark) {
          this.#turn = turn
          OURS.add(this.#mark)
          this.#beatLater()
          return
        }
      } else {
        seenAt ??= holder.at
        if (holder.at !== seenAt || clock.monotonic() >= until || OURS.has(holder.mark)) throw this.#taken()
      }
      await new Promise<void>((resolve) => void clock.after(LOOK_MS, resolve))
    }
  }

  async release(): Promise<void> {
    this.#cancelBeat()
    if (this.#turn === 0) return
    OURS.delete(this.#mark)
    // With the guard closed so is its ledger: the lock is known to be nobody's here, and is over in a while elsewhere.
    if (this.lost.aborted || this.#core.closed) return
    const name = String(this.#turn)
    await this.#core.ledger.remember({ scope: this.#scope, name, value: this.#mark, forMs: 0 }, this.#core.clock.now())
  }

  /** What stands under a turn from now on: ours, unless somebody else took it. */
  async #claim(turn: number): Promise<string> {
    const fact = { scope: this.#scope, name: String(turn), value: this.#mark, forMs: LEASE_MS, ifNew: true }
    return this.#core.ledger.remember(fact, this.#core.clock.now())
  }

  async #holder(): Promise<{ turn: number; mark: string; at: number } | undefined> {
    const facts = await this.#core.ledger.recall(this.#scope, this.#core.clock.now())
    const turns = facts.map(({ name, value, at }) => ({ turn: Number(name), mark: value, at }))
    return turns.sort((a, b) => b.turn - a.turn)[0]
  }

  #beatLater(): void {
    this.#cancelBeat = this.#core.clock.after(
      BEAT_MS,
      () => this.#core.background(() => this.#beat(), 'LEDGER_UNAVAILABLE'),
      false,
    )
  }

  async #beat(): Promise<void> {
    if (this.#core.closed) return
    const stands = await this.#claim(this.#turn)
    const holder = await this.#holder()
    if (stands === this.#mark && (holder?.turn ?? this.#turn) <= this.#turn) this.#beatLater()
    else this.#lost.abort(this.#taken())
  }

  #taken(): SolveguardError {
    return new SolveguardError(
      'BATCH_UNDER_WAY',
      `Another process is at work on the batch ${printable(this.#batch, 64)}; it can be taken up when that one has ended.`,
    )
  }

  /** Whether the process that holds it is known to have ended: it was on this machine, and is there no more. */
  #isDead(mark: string): boolean {
    if (!mark.startsWith(`${PLACE}:`)) return false
    const pid = Number(mark.slice(PLACE.length + 1).split('-')[0])
    if (pid === process.pid) return !OURS.has(mark)
    try {
      process.kill(pid, 0)
      return false
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ESRCH'
    }
  }
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return ''
  }
}
