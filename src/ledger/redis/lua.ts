import { createHash } from 'node:crypto'
import { TOLERANCE_MS } from '../time.js'
import { MAX_DAY_MS } from '../windows.js'

/*
 * The ledger's state in Redis: the rules of `state.ts` once more, carried out by the server, so that each operation is
 * one call and no other call runs between its reads and its writes. Six keys, all in one hash slot of a cluster:
 *
 *   state   a hash, one field for each thing, by the first letter of its name:
 *           e  the ledger's identity: a server that lost its data must not be taken for one that has it
 *           m  the latest time; when expiry, leases and sweeping are next due; where the queue begins and ends; then
 *              CLOCKS, if the clocks of the server and of a caller differ or did
 *           a<budget>  a budget (BUDGET below)         d<budget>, n<budget>  closed slots of its day, of its minute
 *           p<budget>  why it is paused, if the budget's PAUSED is set
 *           l<budget>  when each threshold's alert was last given
 *           k<budget>  the calendar caps that live owners declared, if the budget's CALENDARS is not 0
 *           s<budget>  cached sums of its day's closed slots, each from some slot on, for calendar days
 *           r<id>  a reservation (RECORD below)        t<id>  its task        g<id>  the alerts that it gave
 *           x<length of account>:<account>:<id>  the reservation of a task, by the service's id of it
 *           o<owner>  lease and limits of an owner     c  the budgets on which live owners declared limits
 *           q<number>  a settled reservation, in the queue of those to be forgotten
 *           h<file>  the head of an audit file         f<length of scope>:<scope>:<name>  a fact
 *   open    open reservations, by deadline
 *   old     what is to be forgotten, and when: r<id> expired reservations, x… tasks, f… facts, h<file> heads,
 *           a<budget> budgets to check
 *   tasks   reservations with a task, by the time from which they may be claimed
 *   owners  owners, by the end of their lease
 *   names   which fields h… and f… there are
 *
 * Keys never get a TTL: each call sweeps out a bounded part of what is past. Scripts of several versions may run on the
 * same data, so the meaning of a field may never change: a changed one gets another letter.
 */

/** The keys, in the order in which every script gets them. */
export const KEYS = ['state', 'open', 'old', 'tasks', 'owners', 'names'] as const

/**
 * The values of the names in the scripts. They replace the names before a server gets a script: as a Lua variable, a
 * name would be looked up at every call, and be passed to every function that uses it.
 */
const CONSTANTS: Readonly<Record<string, string | number>> = {
  ...Object.fromEntries(KEYS.map((name, i) => [name.toUpperCase(), `KEYS[${i + 1}]`])),
  // A budget is a list of numbers. Each of its two windows begins with: the sum that counts, the current slot, the
  // amount in that slot. The slots before are apart (d<budget>, n<budget>), and are read only when a slot ends.
  BUDGET: `'>${'d'.repeat(16)}'`,
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
    // Its totals: the last three.
    SETTLED: 14,
    UNSURE: 15,
    SOLVES: 16,
  },
  // Of a budget that was read: whether it is to be written, and whether it is not stored yet.
  ...{ CHANGED: 17, NEW: 18 },
  // A reservation's record begins with a letter: O open, L expired, S settled. A settled one continues with the time,
  // whether that was late, and the id of the call; the others with RECORD: deadline, time of the last claim, amount, id
  // of the call that made it, owner, path.
  RECORD: "'>dddsss'",
  ...{ DAY_SLOT_MS: 300_000, MINUTE_SLOT_MS: 1_000, DAY_MS: 86_400_000, MAX_DAY_MS },
  /** How long a settled reservation is kept at least, and how long a claimed task belongs to its claimer alone. */
  KEPT_MS: 60_000,
  /** How long the head of an audit file is kept after it was first saved: 400 days. */
  HEAD_KEPT_MS: 34_560_000_000,
  ...{ SWEEP_MS: 1_000, SWEEP_SOON_MS: 10 },
  META: "'>dddddd'",
  META_BYTES: 48,
  // By how much the ledger's time is ahead of the server's clock, and of the clocks that agreed last; since when
  // amounts are in doubt (-1: none are), and the earliest later time that a clock showed; which were counted anew, and
  // as of when (0: never).
  CLOCKS: "'>dddddd'",
  TOLERANCE_MS,
  /** No limit; never. */
  NONE: '1e999',
  /** How many items one call expires, sweeps or claims at most. */
  BATCH: 100,
}

/**
 * The beginning of all scripts. ARGV: 1 the ledger's identity, 2 the caller's time, and from 3 on the script's
 * arguments. A server creates every function of a script anew at each call, which takes longer than most of the
 * functions. So only what every call needs is here; the rest is created when it is needed.
 */
export const HEAD = /* lua */ `
local call, pack, parse, floor, min, max = redis.call, struct.pack, struct.unpack, math.floor, math.min, math.max
local at, due, leases, sweepAt, first, last, library, lib
local clock, shift
-- What the clocks say of each other (CLOCKS), packed; empty where they agree, as they mostly do.
local clocks, ahead, isDoubtful = '', 0, false
local budgets, writes = {}, {}

-- A budget as it is now.
local function current(id, raw)
  local b = budgets[id]
  if b then return b end
  if raw == nil then raw = call('HGET', STATE, 'a' .. id) end
  if raw then
    b = { parse(BUDGET, raw) }
    b[CHANGED] = false
  else
    b = { 0, 0, 0, 0, 0, 0, 0, 0, NONE, NONE, NONE, 0, 0, 0, 0, 0, false, true }
  end
  budgets[id] = b
  if at >= (b[MINUTE + 1] + 1) * MINUTE_SLOT_MS then
    lib = lib or library()
    lib.slide(id, b)
  end
  return b
end

-- Writes what was changed, in one call.
local function commit()
  local n = #writes + 2
  writes[n - 1], writes[n] = 'm', pack(META, at, due, leases, sweepAt, first, last) .. clocks
  for id, b in pairs(budgets) do
    if b[CHANGED] then
      writes[n + 1], writes[n + 2] = 'a' .. id, pack(BUDGET, unpack(b, 1, SOLVES))
      n = n + 2
      if b[NEW] then call('ZADD', OLD, at + DAY_MS, 'a' .. id) end
    end
  end
  -- Lua passes some thousand values in one call at most.
  for from = 1, n, 1000 do
    call('HSET', STATE, unpack(writes, from, min(from + 999, n)))
  end
  budgets, writes = {}, {}
end
`

/**
 * Lua that reads the server's clock, so that hosts need not agree on a time; and by how much the caller's clock is
 * ahead of it. In tests it may set other times.
 */
export const SERVER_TIME = /* lua */ `
local time = call('TIME')
clock = time[1] * 1000 + floor(time[2] / 1000)
shift = ARGV[2] - clock
`

/**
 * Reads `fields` after time has passed into `found[3]` and on, or returns early. Time is never before the latest that
 * was recorded. Times in a reply are by the caller's clock, which is `shift` ahead.
 *
 * @param time `SERVER_TIME`
 */
export function readFields(time: string): string {
  return /* lua */ `
local found = call('HMGET', STATE, 'e', 'm', unpack(fields))
if found[1] ~= ARGV[1] then return { 'lost' } end
at, due, leases, sweepAt, first, last = parse(META, found[2])
${time}
local gap = clock - at
local isUsual = #found[2] == META_BYTES and gap <= TOLERANCE_MS and gap >= -TOLERANCE_MS
if isUsual and (ARGV[2] == '0' or shift <= TOLERANCE_MS and shift >= -TOLERANCE_MS) then
  if gap > 0 then at = clock end
else
  lib = library()
  lib.compareClocks(found[2])
end
if at >= due or at >= leases or at >= sweepAt then
  lib = lib or library()
  lib.passTime()
  if at >= due then return { 'again' } end
  found = call('HMGET', STATE, 'e', 'm', unpack(fields))
end
`
}

/** A script, and the name by which a server knows it. */
export interface Script {
  readonly lua: string
  readonly sha: string
}

/**
 * The last argument of a call is its name, and so is the last item of its reply: in a connection in which a reply is
 * missing, or one too many, the next call would take the reply of another for its own.
 */
const NAMES_ITS_CALL = /* lua */ `
local reply = operation()
reply[#reply + 1] = ARGV[#ARGV]
return reply
`

export function script(...parts: readonly string[]): Script {
  // The server gets no comments and no indentation.
  const lines = ['local function operation()', ...parts, 'end', NAMES_ITS_CALL].join('\n').split('\n')
  const lua = lines
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('--'))
    .join('\n')
    .replace(/\b[A-Z][A-Z_]+\b/g, (name) => String(CONSTANTS[name] ?? name))
  return { lua, sha: createHash('sha1').update(lua).digest('hex') }
}
