import { LIBRARY } from './library.js'
import { HEAD, look, type Script, script, type Time } from './lua.js'

/*
 * What the operations of a ledger do, each in one script. Most begin with the `fields` that they want to read.
 */

/**
 * ARGV: 3 id, 4 amount, 5 for how long (ms), 6 which call, 7 owner, 8 the ids of the path as JSON, 9 for each budget of it
 * [id, perDay, perMinute, concurrent, thresholds, calendar caps] as JSON, `false` where there is none.
 */
const RESERVE_FIELDS = /* lua */ `
local id, amount, path = ARGV[3], tonumber(ARGV[4]), cjson.decode(ARGV[9])
local fields = { 'r' .. id }
for k, claim in ipairs(path) do fields[k + 1] = 'a' .. claim[1] end
`

const RESERVE = /* lua */ `
-- Made already: by this very call, whose answer was lost, or by another.
if found[3] then
  if found[3]:sub(1, 1) == 'S' or select(4, parse(RECORD, found[3], 2)) ~= ARGV[6] then return { 'twice' } end
  local given = call('HGET', BOOKS, 'g' .. id)
  return { 'ok', unpack(given and cmsgpack.unpack(given) or {}) }
end

local reply, alerted = { 'ok' }, nil
for k, claim in ipairs(path) do
  local budget = claim[1]
  local a = current(budget, found[k + 3])
  -- Of what the caller says and what live owners declared, the tighter.
  local perDay, perMinute, concurrent = a[PER_DAY], a[PER_MINUTE], a[CONCURRENT]
  if claim[2] and claim[2] < perDay then perDay = claim[2] end
  if claim[3] and claim[3] < perMinute then perMinute = claim[3] end
  if claim[4] and claim[4] < concurrent then concurrent = claim[4] end
  local used = a[DAY] + a[RESERVED]
  local reason, limit, counted, days, over
  if claim[6] or a[CALENDARS] > 0 then
    rare = rare or library()
    days = rare.daysOf(budget, a, claim[6])
    over = rare.overDay(budget, a, days, amount)
  end
  if a[PAUSED] > 0 then
    reason = 'paused'
  elseif used + amount > perDay then
    reason, limit, counted, over = 'perDay', perDay, used, nil
  elseif over then
    reason, limit, counted = 'perDay', over[2], over[5]
  elseif a[MINUTE] >= perMinute then
    reason, limit, counted = 'perMinute', perMinute, a[MINUTE]
  elseif a[ACTIVE] >= concurrent then
    reason, limit, counted = 'concurrent', concurrent, a[ACTIVE]
  end
  if reason then
    rare = rare or library()
    local room = rare.roomAt(path, amount)
    commit()
    if reason == 'paused' then return { 'paused', budget, call('HGET', BOOKS, 'p' .. budget) } end
    return { 'denied', budget, reason, limit, counted, room and room + shift or '', over and over[1] or '' }
  end
  -- A threshold is a fraction that a person wrote: what is a millionth of a cent away from it is on it.
  if claim[5] and perDay < NONE and used + amount + 1e-6 >= claim[5][1] * perDay then
    local past = cjson.decode(call('HGET', BOOKS, 'l' .. budget) or '{}')
    for i, threshold in ipairs(claim[5]) do
      if used + amount + 1e-6 < threshold * perDay then break end
      local name = string.format('%.17g', threshold)
      if not past[name] or at >= past[name] + DAY_MS then
        past[name] = at
        alerted = alerted or {}
        alerted[budget] = past
        local n = #reply
        reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4], reply[n + 5] = k - 1, i - 1, used + amount, perDay, ''
      end
    end
  end
  if claim[5] and days then
    alerted = alerted or {}
    rare.alertDays(budget, days, amount, k, claim[5], alerted, reply)
  end
end

-- Nothing is in the way: from here on it is taken.
for _, claim in ipairs(path) do
  local a = accounts[claim[1]]
  a[MINUTE] = a[MINUTE] + 1
  a[MINUTE + 2] = a[MINUTE + 2] + 1
  a[RESERVED] = a[RESERVED] + amount
  a[ACTIVE] = a[ACTIVE] + 1
  a[CHANGED] = true
end
-- As long from now as the caller meant, whatever its clock says.
local deadline = at + ARGV[5]
writes[1], writes[2] = 'r' .. id, 'O' .. pack(RECORD, deadline, 0, amount, ARGV[6], ARGV[7], ARGV[8])
if alerted and #reply > 1 then
  for budget, past in pairs(alerted) do
    local n = #writes
    writes[n + 1], writes[n + 2] = 'l' .. budget, cjson.encode(past)
  end
  local n = #writes
  writes[n + 1], writes[n + 2] = 'g' .. id, cmsgpack.pack({ unpack(reply, 2) })
end
if deadline < due then due = deadline end
call('ZADD', OPEN, deadline, id)
commit()
return reply
`

/**
 * ARGV: 3 id, 4 cost, 5 which call, 6 an audit file's name (or empty), 7 the number and hash of its head, 8 `1` if nobody knows whether
 * it did cost that.
 */
const SETTLE_FIELDS = /* lua */ `
local id, cost, made, file = ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6]
local fields = { 'r' .. id, 'h' .. file }
`

/** Whether an id that is not known is refused from now on. */
const ONLY_KNOWN = /* lua */ `
local forced = false
`
const ALSO_UNKNOWN = /* lua */ `
local forced = not found[3]
`

const SETTLE = /* lua */ `
local record = found[3]
local state = record and record:sub(1, 1)
-- Settled already: by this very call, whose answer was lost, or by another.
if state == 'S' then
  return record:sub(11) == made and { 'ok', record:sub(10, 10) } or { 'none' }
end

local late = state == 'L'
local known = record ~= false
if record then
  local deadline, _, amount, _, _, path = parse(RECORD, record, 2)
  local slot
  if late then
    rare = rare or library()
    slot = rare.dayOf(deadline)
    -- Lapsed so long ago that its amount no longer counts: there is nothing to correct.
    known = rare.slotEnds(DAY, slot) > at
    if known then call('ZREM', OLD, 'r' .. id) end
  else
    call('ZREM', OPEN, id)
  end
  for _, budget in ipairs(known and cjson.decode(path) or {}) do
    local a = current(budget)
    if late then
      rare.spend(budget, a, slot, cost - amount)
    else
      a[RESERVED] = a[RESERVED] - amount
      a[ACTIVE] = a[ACTIVE] - 1
      a[DAY] = a[DAY] + cost
      a[DAY + 2] = a[DAY + 2] + cost
      a[CHANGED] = true
      if cost > 0 then a[SOLVES] = a[SOLVES] + 1 end
      if ARGV[8] == '1' then a[UNSURE] = a[UNSURE] + cost end
    end
    if ARGV[8] ~= '1' then
      a[SETTLED] = a[SETTLED] + cost
      a[CHANGED] = true
    end
  end
end
if known or forced then
  writes[1], writes[2] = 'r' .. id, 'S' .. pack('>d', at) .. (late and '1' or '0') .. made
  writes[3], writes[4] = 'q' .. last, id
  last = last + 1
end
if known and file ~= '' then
  ${saveHead('file', 'ARGV[7]', 'found[4]')}
end
commit()
return known and { 'ok', late and '1' or '0' } or { 'none' }
`

/** A head never goes back. It is written as its number, a space, its hash. */
function saveHead(file: string, head: string, known: string): string {
  return /* lua */ `
  if not ${known} or tonumber(${known}:match('^%d+')) < tonumber(${head}:match('^%d+')) then
    local n = #writes
    writes[n + 1], writes[n + 2] = 'h' .. ${file}, ${head}
    if not ${known} then
      call('ZADD', NAMES, 0, 'h' .. ${file})
      call('ZADD', OLD, at + HEAD_KEPT_MS, 'h' .. ${file})
    end
  end
`
}

/** ARGV: 3 budget, 4 calendar caps as JSON. Answers, last, for each of them and of those declared: its zone, amount, day and sum. */
const USAGE_FIELDS = /* lua */ `
local fields = { 'a' .. ARGV[3], 'p' .. ARGV[3] }
`

const USAGE = /* lua */ `
local a = current(ARGV[3], found[3])
rare = rare or library()
local moreAt = rare.goneAt(ARGV[3], a, DAY, 1)
local reply = { 'ok', a[DAY], a[RESERVED], a[MINUTE], a[ACTIVE], a[SETTLED], a[UNSURE], a[SOLVES], moreAt and moreAt + shift or '' }
for k = PER_DAY, CONCURRENT do reply[#reply + 1] = a[k] < NONE and a[k] or -1 end
reply[#reply + 1] = a[PAUSED] > 0 and found[4] or ''
reply[#reply + 1] = a[CALENDARS] > 0 and call('HGET', BOOKS, 'k' .. ARGV[3]) or ''
for _, cap in ipairs(rare.daysOf(ARGV[3], a, cjson.decode(ARGV[4]))) do
  local n, from = #reply, rare.countsFrom(cap)
  reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4], reply[n + 5] =
    cap[1], cap[2], from, rare.resetsAt(cap), rare.since(ARGV[3], a, from)
end
commit()
return reply
`

const NO_FIELDS = /* lua */ `
local fields = {}
`

/** ARGV: 3 owner, 4 lease (ms), 5 what it declares: [[budget, perDay, perMinute, concurrent, calendar caps], …] as JSON. */
const JOIN = /* lua */ `
call('HSET', BOOKS, 'o' .. ARGV[3], '[' .. ARGV[4] .. ',' .. ARGV[5] .. ']')
call('ZADD', OWNERS, at + ARGV[4], ARGV[3])
local mine, reply = {}, { 'ok' }
for _, declared in ipairs(cjson.decode(ARGV[5])) do mine[declared[1]] = declared end
for budget, t in pairs(rare.redeclare(mine)) do
  reply[#reply + 1] = budget
  for k = 1, 3 do reply[#reply + 1] = t[k] < NONE and t[k] or -1 end
  reply[#reply + 1] = #t[4] > 0 and cjson.encode(t[4]) or ''
end
commit()
return reply
`

/** ARGV: 3 owner. */
const BEAT_FIELDS = /* lua */ `
local fields = { 'o' .. ARGV[3] }
`

const BEAT = /* lua */ `
local before = tonumber(call('ZSCORE', OWNERS, ARGV[3]))
if not found[3] or not before then
  commit()
  return { 'unknown' }
end
call('ZADD', OWNERS, max(before, at + cjson.decode(found[3])[1]), ARGV[3])
if before <= at then rare.redeclare() end
commit()
return { 'ok' }
`

/** ARGV: 3 owner. */
const LEAVE = /* lua */ `
call('ZREM', OWNERS, ARGV[3])
call('HDEL', BOOKS, 'o' .. ARGV[3])
rare.redeclare()
commit()
return { 'ok' }
`

/** ARGV: 3 id, 4 the task as JSON. */
const NOTE_FIELDS = /* lua */ `
local fields = { 'r' .. ARGV[3] }
`

const NOTE = /* lua */ `
if found[3] and found[3]:sub(1, 1) ~= 'S' then
  writes[1], writes[2] = 't' .. ARGV[3], ARGV[4]
  call('ZADD', TASKS, 'NX', 0, ARGV[3])
end
commit()
return { 'ok' }
`

/** ARGV: 3 owner, 4 solver, 5 budget, 6 how many, 7 how many tasks to pass over, 8 its other ways out, as JSON. Answers how to go on, and what was claimed. */
const CLAIM = /* lua */ `
local limit, passed = tonumber(ARGV[6]), tonumber(ARGV[7])
local ids = call('ZRANGEBYSCORE', TASKS, '-inf', at, 'LIMIT', passed, BATCH)
local live, reply = {}, {}
local egressRoutes = cjson.decode(ARGV[8])

local function lives(owner)
  if live[owner] == nil then live[owner] = (tonumber(call('ZSCORE', OWNERS, owner)) or 0) > at end
  return live[owner]
end

for _, id in ipairs(ids) do
  if #reply >= limit * 5 then break end
  local entry = call('HMGET', BOOKS, 'r' .. id, 't' .. id)
  local record, task = entry[1], entry[2]
  if not record or not task or record:sub(1, 1) == 'S' then
    call('ZREM', TASKS, id)
  else
    local state, deadline, _, amount, made, owner, path = rare.readRecord(record)
    local free = state == 'L' or not lives(owner)
    local noted = cjson.decode(task)
    local can = noted.solver == ARGV[4] and (not noted.egressRoute or rare.includes(egressRoutes, noted.egressRoute))
    if free and can and rare.includes(path, ARGV[5]) then
      local n = #reply
      reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4], reply[n + 5] =
        id, amount, deadline + shift, cjson.encode(path), task
      n = #writes
      writes[n + 1], writes[n + 2] =
        'r' .. id, state .. pack(RECORD, deadline, at, amount, made, ARGV[3], cjson.encode(path))
      call('ZADD', TASKS, at + KEPT_MS, id)
    else
      passed = passed + 1
    end
  end
end
commit()
return { 'ok', #ids < BATCH and -1 or passed, unpack(reply) }
`

/** ARGV: 3 budget, 4 the reason as JSON, which says which call it is. */
const PAUSE_FIELDS = /* lua */ `
local fields = { 'p' .. ARGV[3] }
`

const PAUSE = /* lua */ `
local a = current(ARGV[3])
if a[PAUSED] > 0 then return { found[3] == ARGV[4] and 'ok' or 'none' } end
a[PAUSED] = 1
a[CHANGED] = true
writes[1], writes[2] = 'p' .. ARGV[3], ARGV[4]
commit()
return { 'ok' }
`

/** ARGV: 3 budget. */
const RESUME = /* lua */ `
local a = current(ARGV[3])
if a[PAUSED] > 0 then
  a[PAUSED] = 0
  a[CHANGED] = true
end
commit()
return { 'ok' }
`

/** ARGV: 3 scope, 4 name, 5 value, 6 for how long (ms), 7 `1` if one that is there stays what it is. */
const REMEMBER_FIELDS = /* lua */ `
local field, value = 'f' .. #ARGV[3] .. ':' .. ARGV[3] .. ':' .. ARGV[4], ARGV[5]
local fields = { field }
`

const REMEMBER = /* lua */ `
local to = at + ARGV[6]
local before = found[3] and parse('>d', found[3])
if ARGV[7] == '1' and before and before > at then
  value, to = found[3]:sub(17), max(before, to)
end
writes[1], writes[2] = field, pack('>dd', to, at) .. value
call('ZADD', OLD, to, field)
if not before then call('ZADD', NAMES, 0, field) end
commit()
return { 'ok', value }
`

/** ARGV: 3 scope. Answers by turns names, values, and when they were last remembered. */
const RECALL = /* lua */ `
local beginning = 'f' .. #ARGV[3] .. ':' .. ARGV[3] .. ':'
local reply = { 'ok' }
for _, field in ipairs(rare.named(beginning)) do
  local fact = call('HGET', BOOKS, field)
  local to, since = parse('>dd', fact)
  if to > at then
    local n = #reply
    reply[n + 1], reply[n + 2], reply[n + 3] = field:sub(#beginning + 1), fact:sub(17), since + shift
  end
end
commit()
return reply
`

/** ARGV: 3 an audit file's name, 4 the number and hash of its head. */
const HEAD_FIELDS = /* lua */ `
local fields = { 'h' .. ARGV[3] }
`

const SAVE_HEAD = /* lua */ `
${saveHead('ARGV[3]', 'ARGV[4]', 'found[3]')}
commit()
return { 'ok' }
`

/** Answers the name and the head of each audit file, by turns. */
const HEADS = /* lua */ `
local reply = { 'ok' }
for _, field in ipairs(rare.named('h')) do
  reply[#reply + 1] = field:sub(2)
  reply[#reply + 1] = call('HGET', BOOKS, field)
end
return reply
`

/**
 * Begins the books where there are none, and says which these are. ARGV: 1 a name for new ones. Does one of each thing
 * that the other scripts may do, so that a user who lacks leave is told now, and not in the middle of an entry.
 */
const OPEN = /* lua */ `
local call = redis.call
call('TIME')
call('HSETNX', KEYS[1], 'e', ARGV[1])
call('HSETNX', KEYS[1], 'm', struct.pack(META, 0, NONE, NONE, 0, 0, 0))
call('HSET', KEYS[1], '-', '')
call('HDEL', KEYS[1], '-')
call('HGET', KEYS[1], '-')
for i = 2, 6 do
  call('ZADD', KEYS[i], 0, '-')
  call('ZREM', KEYS[i], '-')
end
call('ZRANGE', KEYS[2], 0, 0)
call('ZRANGEBYSCORE', KEYS[2], 0, 0)
call('ZRANGEBYLEX', KEYS[6], '-', '(-')
call('ZSCORE', KEYS[5], '-')
return { 'ok', call('HMGET', KEYS[1], 'e')[1] }
`

/** For scripts that need the library in any case. */
const WHOLE = /* lua */ `
rare = rare or library()
`

/** One script for each operation of a ledger; `free` gives back what may have been reserved. */
export function scriptsBy(time: Time) {
  const whole = (fields: string, ...rest: string[]) => script(HEAD, LIBRARY, fields, look(time), ...rest)
  return {
    open: script(OPEN),
    join: whole(NO_FIELDS, WHOLE, JOIN),
    beat: whole(BEAT_FIELDS, WHOLE, BEAT),
    leave: whole(NO_FIELDS, WHOLE, LEAVE),
    reserve: whole(RESERVE_FIELDS, RESERVE),
    note: whole(NOTE_FIELDS, NOTE),
    settle: whole(SETTLE_FIELDS, ONLY_KNOWN, SETTLE),
    free: whole(SETTLE_FIELDS, ALSO_UNKNOWN, SETTLE),
    claim: whole(NO_FIELDS, WHOLE, CLAIM),
    pause: whole(PAUSE_FIELDS, PAUSE),
    resume: whole(NO_FIELDS, RESUME),
    usage: whole(USAGE_FIELDS, USAGE),
    remember: whole(REMEMBER_FIELDS, REMEMBER),
    recall: whole(NO_FIELDS, WHOLE, RECALL),
    saveHead: whole(HEAD_FIELDS, SAVE_HEAD),
    heads: whole(NO_FIELDS, WHOLE, HEADS),
  } as const satisfies Record<string, Script>
}

/** The scripts of a ledger. */
export type Scripts = ReturnType<typeof scriptsBy>
