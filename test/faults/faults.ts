import type { ByteFault, Direction } from './byte-proxy.js'
import { type CallFault, SCOPES, type Scope } from './injector.js'

/** What fails in one run. */
export type Fault =
  | { readonly kind: 'none' }
  | ({ readonly kind: 'call' } & CallFault)
  | ({ readonly kind: 'bytes'; readonly peer: string } & ByteFault)
  /** The process may open that many descriptors. */
  | { readonly kind: 'descriptors'; readonly most: number }

/** The fault as text, from which `parseFault` makes it again. */
export function faultText(fault: Fault): string {
  switch (fault.kind) {
    case 'none':
      return 'none'
    case 'call':
      return `${fault.operation}:${fault.file}:${fault.number} ${fault.what} ${fault.scope}`
    case 'bytes':
      return `${fault.peer}:${fault.direction}:${fault.bytes} ${fault.what} ${fault.scope}`
    case 'descriptors':
      return `descriptors ${fault.most}`
  }
}

export function parseFault(text: string): Fault {
  if (text === 'none') return { kind: 'none' }
  const descriptors = /^descriptors (\d+)$/.exec(text)
  if (descriptors) return { kind: 'descriptors', most: Number(descriptors[1]) }
  const bytes = /^(\w+):(up|down):(\d+) (cut|reset|stall|repeat) (once|always)$/.exec(text)
  if (bytes) {
    const [, peer = '', direction, count, what, scope] = bytes
    return {
      kind: 'bytes',
      peer,
      direction: direction as Direction,
      bytes: Number(count),
      what: what as ByteFault['what'],
      scope: scope as ByteFault['scope'],
    }
  }
  const call = /^(\w+):(\w+):(\d+) (\S+) (\w+)$/.exec(text)
  if (!call || !Object.hasOwn(SCOPES, call[5] ?? '')) throw new Error(`no fault: ${text}`)
  const [, operation = '', file = '', number, what = '', scope] = call
  return { kind: 'call', operation, file, number: Number(number), what, scope: scope as Scope }
}

/** What an operation on files can fail with; what it does with a part of its work comes first. */
const FILE_ERRORS: Readonly<Record<string, readonly string[]>> = {
  open: ['EIO', 'EMFILE', 'EACCES', 'ENOSPC', 'EROFS'],
  close: ['EIO'],
  read: ['EIO', 'short'],
  pread: ['EIO', 'short'],
  write: ['torn:ENOSPC', 'EIO', 'ENOSPC', 'EDQUOT', 'short'],
  pwrite: ['torn:ENOSPC', 'EIO', 'ENOSPC', 'short'],
  sync: ['EIO', 'ENOSPC'],
  truncate: ['EIO', 'EPERM'],
  lock: ['EAGAIN', 'EIO', 'ENOLCK'],
  unlock: ['EIO'],
  mmap: ['ENOMEM', 'EIO'],
  stat: ['EIO', 'EACCES'],
  access: ['EACCES', 'EIO'],
  chmod: ['EPERM'],
  mkdir: ['ENOSPC', 'EACCES', 'EROFS'],
  rmdir: ['EACCES'],
  unlink: ['EPERM', 'EIO'],
  rename: ['EIO'],
  readlink: ['EIO'],
}
const SOCKET_ERRORS: Readonly<Record<string, readonly string[]>> = {
  socket: ['EMFILE', 'ENOBUFS'],
  connect: ['ECONNREFUSED', 'ENETUNREACH', 'ETIMEDOUT'],
  connected: ['ECONNREFUSED', 'ETIMEDOUT'],
  send: ['EPIPE', 'ECONNRESET', 'short', 'torn:ECONNRESET'],
  recv: ['ECONNRESET', 'end', 'short', 'ETIMEDOUT'],
  close: ['EIO'],
}
const FILES: ReadonlySet<string> = new Set(['dir', 'db', 'wal', 'shm', 'journal', 'audit', 'other'])
const KILLS = ['kill-before', 'kill-after'] as const
const TORN_BY_KILL: ReadonlySet<string> = new Set(['write', 'pwrite', 'send'])

/** Calls by `operation:file`, and how often each was made. */
export type Calls = ReadonlyMap<string, number>

type Family = 'errors' | 'kills' | 'stops'

/** Every fault of a family that the calls of a clean run can have. Lazily: there are tens of thousands. */
function* faultsAt(operation: string, file: string, number: number, family: Family): Generator<Fault> {
  const call = { kind: 'call', operation, file, number } as const
  if (family === 'kills') {
    for (const what of TORN_BY_KILL.has(operation) ? [...KILLS, 'kill-torn'] : KILLS)
      yield { ...call, what, scope: 'once' }
    return
  }
  if (family === 'stops') {
    yield { ...call, what: `stop:${STOP_MS}`, scope: 'once' }
    return
  }
  const isSocket = !FILES.has(file)
  const scopes: readonly Scope[] = isSocket
    ? ['once', 'twice', 'same']
    : ['once', 'twice', 'next', 'same', 'writes', 'all']
  for (const what of (isSocket ? SOCKET_ERRORS : FILE_ERRORS)[operation] ?? []) {
    for (const scope of what === 'short' || what === 'end' ? (['once', 'same'] as const) : scopes)
      yield { ...call, what, scope }
  }
}

/** Longer than a lease, on the clock of a run. */
const STOP_MS = 4_000

/** All faults of a family, over all calls. */
export function* allFaults(calls: Calls, family: Family): Generator<Fault> {
  for (const [name, count] of calls) {
    const [operation = '', file = ''] = name.split(':')
    for (let number = 1; number <= count; number++) yield* faultsAt(operation, file, number, family)
  }
}

/** Which byte of which peer fails. @param passed how many bytes pass in a clean run, by peer and direction */
export function* allByteFaults(passed: ReadonlyMap<string, number>): Generator<Fault> {
  for (const [name, count] of passed) {
    const [peer = '', direction] = name.split(':')
    for (let bytes = 0; bytes < count; bytes++) {
      for (const what of ['cut', 'reset', 'stall'] as const) {
        for (const scope of ['once', 'always'] as const) {
          yield { kind: 'bytes', peer, direction: direction as Direction, bytes, what, scope }
        }
      }
      if (direction === 'down' && peer === 'redis') {
        yield { kind: 'bytes', peer, direction, bytes, what: 'repeat', scope: 'once' }
      }
    }
  }
}

/** A random number generator with a seed: from 0 up to 1. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/**
 * `count` of the faults: of each kind of call one after the other, so that rare calls are chosen as often as frequent
 * ones.
 */
export function sample(faults: Iterable<Fault>, count: number, random: () => number): Fault[] {
  const strata = new Map<string, Fault[]>()
  for (const fault of faults) {
    const name = stratumOf(fault)
    const stratum = strata.get(name)
    if (stratum) stratum.push(fault)
    else strata.set(name, [fault])
  }
  const queues = shuffled(
    [...strata.values()].map((stratum) => shuffled(stratum, random)),
    random,
  )
  const chosen: Fault[] = []
  while (chosen.length < count && queues.some((queue) => queue.length > 0)) {
    for (const queue of queues) {
      const next = queue.pop()
      if (next && chosen.length < count) chosen.push(next)
    }
  }
  return chosen
}

function stratumOf(fault: Fault): string {
  switch (fault.kind) {
    case 'call':
      return `${fault.operation}:${fault.file}`
    case 'bytes':
      return `${fault.peer}:${fault.direction}:${fault.what}`
    default:
      return fault.kind
  }
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)
}
