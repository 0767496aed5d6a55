import { createHash } from 'node:crypto'
import { LONGEST_DAY_MS } from '../windows.js'

/*
 * The books of `books.ts`, in the words of Redis: the same rules, carried out by the server, so that each operation is one
 * call and nothing comes between its look and its entry. Six keys, all in one slot of a cluster:
 *
 *   books   a hash, one field for each thing, by the first letter of its name:
 *           e  which books these are: a server that lost them must not pass for one that has them
 *           m  the latest time; when lapsing, leases and sweeping are next due; where the queue begins and ends
 *           a<budget>  its account (ACCOUNT below)     d<budget>, n<budget>  closed slots of its day, of its minute
 *           p<budget>  why it is paused, if its account says that it is
 *           l<budget>  when each threshold's alert was last given
 *           k<budget>  the calendar caps that live owners declared, if its account says that there are some
 *           s<budget>  sums of its day's closed slots from some slots on, for calendar days; without it they are added up anew
 *           r<id>  a reservation (RECORD below)        t<id>  its task        g<id>  the alerts that it gave
 *           o<owner>  lease and limits of an owner     c  the budgets on which live owners declared limits
 *           q<number>  a settled reservation, in the queue of those to be forgotten
 *           h<file>  the head of an audit file        f<length of scope>:<scope>:<name>  a fact
 *   open    reservations under way, by deadline
 *   old     what is to be forgotten, and when: r<id> lapsed reservations, f… facts, h<file> heads, a<budget> accounts
 *           to look at
 *   tasks   reservations with a task, by the time from which they may be claimed
 *   owners  owners, by the end of their lease
 *   names   which fields h… and f… there are
 *
 * Keys never get a TTL: what is past is swept out, a bounded piece at a time, by whoever calls. Scripts of several
 * versions may run against the same books, so the meaning of a field may never change: it gets another letter.
 */

/** The keys, in the order in which every script gets them. */
export const KEYS = ['books', 'open', 'old', 'tasks', 'owners', 'names'] as const

/**
 * What the names in the scripts stand for. Put in before a server gets them: there, a name would be looked up at every
 * call, and be handed to every function that knows it.
 */
const CONSTANTS: Readonly<Record<string, string | number>> = {
  ...Object.fromEntries(KEYS.map((name, i) => [name.toUpperCase(), `KEYS[${i + 1}]`])),
  // An account is a list of numbers. Each of its two windows begins with: the sum that counts, the current slot, what is
  // in that slot. The slots before are apart (d<budget>, n<budget>), and touched only when a slot ends.
  ACCOUNT: `'>${'d'.repeat(16)}'`,
  ...{
    DAY: 1,
    MINUTE: 4,
    RESERVED: 7,
    ACTIVE: 8,
    PER_DAY: 9,
    PER_MINUTE: 10,
    CONCURRENT: 11,
    PAUSED: 12,
    CALENDARS: 13,
    // What it has ever come to: the last of them.
    SETTLED: 14,
    UNSURE: 15,
    SOLVES: 16,
  },
  // Of an account that was read: whether it is to be written, and whether it is not in the books yet.
  ...{ CHANGED: 17, NEW: 18 },
  // A record begins with its state, O(pen), L(apsed) or S(ettled). A settled one goes on with when, whether that was late,
  // and by which call; another with its deadline, when it was last claimed, its amount, which call made it, its owner, its path.
  RECORD: "'>dddsss'",
  ...{ DAY_SLOT_MS: 300_000, MINUTE_SLOT_MS: 1_000, DAY_MS: 86_400_000, LONGEST_DAY_MS },
  /** How long a settled reservation is remembered at least, and a claimed task is its claimer's alone. */
  KEPT_MS: 60_000,
  /** How long the head of an audit file is kept, from when it was first told of: 400 days. */
  HEAD_KEPT_MS: 34_560_000_000,
  ...{ SWEEP_MS: 1_000, SWEEP_SOON_MS: 10 },
  META: "'>dddddd'",
  /** No limit, never. */
  NONE: '1e999',
  /** How much of what time does by itself one call does at most. */
  BATCH: 100,
}

/**
 * What all scripts begin with. ARGV: 1 which books, 2 the caller's time, and from 3 on what the script takes. A server
 * makes every function of a script anew each time that it is called, which takes longer than most of what they do: here
 * is only what every call needs, and all else is made when it is asked for.
 */
export const HEAD = /* lua */ `
local call, pack, parse, floor, min, max = redis.call, struct.pack, struct.unpack, math.floor, math.min, math.max
local at, due, leases, sweepAt, first, last, library, rare
local accounts, writes = {}, {}

-- The account of a budget as it is now.
local function current(id, raw)
  local a = accounts[id]
  if a then return a end
  if raw == nil then raw = call('HGET', BOOKS, 'a' .. id) end
  if raw then
    a = { parse(ACCOUNT, raw) }
    a[CHANGED] = false
  else
    a = { 0, 0, 0, 0, 0, 0, 0, 0, NONE, NONE, NONE, 0, 0, 0, 0, 0, false, true }
  end
  accounts[id] = a
  if at >= (a[MINUTE + 1] + 1) * MINUTE_SLOT_MS then
    rare = rare or library()
    rare.slide(id, a)
  end
  return a
end

-- Writes what was changed, in one call.
local function commit()
  local n = #writes + 2
  writes[n - 1], writes[n] = 'm', pack(META, at, due, leases, sweepAt, first, last)
  for id, a in pairs(accounts) do
    if a[CHANGED] then
      writes[n + 1], writes[n + 2] = 'a' .. id, pack(ACCOUNT, unpack(a, 1, SOLVES))
      n = n + 2
      if a[NEW] then call('ZADD', OLD, at + DAY_MS, 'a' .. id) end
    end
  end
  -- Lua hands over some thousand values at a time at most.
  for from = 1, n, 1000 do
    call('HSET', BOOKS, unpack(writes, from, min(from + 999, n)))
  end
  accounts, writes = {}, {}
end
`

/** Whose time counts: the server's, so that hosts need not agree on it; or for tests the caller's. */
export type Time = 'server' | 'caller'

const NOW: Readonly<Record<Time, string>> = {
  server: /* lua */ `
  local time = call('TIME')
  local clock = time[1] * 1000 + floor(time[2] / 1000)
  `,
  caller: /* lua */ `
  local clock = floor(ARGV[2])
  `,
}

/**
 * Reads the `fields` as they are once time has passed, as `found[3]` and on, or answers something else. Time is never
 * before the latest that was booked. What is told to the caller is told by its own clock, `shift` ahead.
 */
export function look(time: Time): string {
  return /* lua */ `
local found = call('HMGET', BOOKS, 'e', 'm', unpack(fields))
if found[1] ~= ARGV[1] then return { 'lost' } end
${NOW[time]}
local shift = ${time === 'server' ? 'ARGV[2] - clock' : '0'}
at, due, leases, sweepAt, first, last = parse(META, found[2])
if clock > at then at = clock end
if at >= due or at >= leases or at >= sweepAt then
  rare = library()
  rare.pass()
  if at >= due then return { 'again' } end
  found = call('HMGET', BOOKS, 'e', 'm', unpack(fields))
end
`
}

/** A script, and the name by which a server knows it. */
export interface Script {
  readonly lua: string
  readonly sha: string
}

export function script(...parts: readonly string[]): Script {
  // Comments and indentation are for us; the server is sent the rest.
  const lines = parts.join('\n').split('\n')
  const lua = lines
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('--'))
    .join('\n')
    .replace(/\b[A-Z][A-Z_]+\b/g, (name) => String(CONSTANTS[name] ?? name))
  return { lua, sha: createHash('sha1').update(lua).digest('hex') }
}
