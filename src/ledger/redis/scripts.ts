import { LIBRARY } from './library.js'
import { HEAD, readFields, type Script, script } from './lua.js'

/*
 * The operations of a ledger, each in one script. Most begin with the `fields` that they read.
 */

/**
 * ARGV: 3 id, 4 amount, 5 for how long (ms; empty: nothing is taken), 6 the id of the call, 7 owner, 8 the ids of the
 * path as JSON, 9 for each budget of it [id, perDay, perMinute, concurrent, thresholds, calendar caps] as JSON, `false`
 * where there is none, 10 an audit file's name (or empty), 11 its head, 12 [scope, name] of each fact that forbids it,
 * as JSON (or empty).
 */
const RESERVE_FIELDS = /* lua */ `
local id, amount, path = ARGV[3], tonumber(ARGV[4]), cjson.decode(ARGV[9])
local fields = { 'r' .. id }
for k, claim in ipairs(path) do fields[k + 1] = 'a' .. claim[1] end
fields[#path + 2] = 'h' .. ARGV[10]
if ARGV[12] ~= '' then
  for _, fact in ipairs(cjson.decode(ARGV[12])) do
    fields[#fields + 1] = 'f' .. #fact[1] .. ':' .. fact[1] .. ':' .. fact[2]
  end
end
`

const RESERVE = /* lua */ `
-- The reservation exists: this very call made it and its answer was lost, or another call did.
if found[3] then
  if found[3]:sub(1, 1) == 'S' or select(4, parse(RECORD, found[3], 2)) ~= ARGV[6] then return { 'duplicate' } end
  local given = call('HGET', STATE, 'g' .. id)
  return { 'ok', unpack(given and cmsgpack.unpack(given) or {}) }
end

for k = #path + 5, #fields + 2 do
  if found[k] and parse('>d', found[k]) > at then
    commit()
    return { 'fact', k - #path - 5, found[k]:sub(17) }
  end
end

local reply, alerted = { 'ok' }, nil
for k, claim in ipairs(path) do
  local budget = claim[1]
  local b = current(budget, found[k + 3])
  -- The tighter of the caller's limits and those that live owners declared.
  local perDay, perMinute, concurrent = b[PER_DAY], b[PER_MINUTE], b[CONCURRENT]
  if claim[2] and claim[2] < perDay then perDay = claim[2] end
  if claim[3] and claim[3] < perMinute then perMinute = claim[3] end
  if claim[4] and claim[4] < concurrent then concurrent = claim[4] end
  local used = b[DAY] + b[RESERVED]
  local reason, limit, counted, days, over
  if claim[6] or b[CALENDARS] > 0 then
    lib = lib or library()
    days = lib.calendarCaps(budget, b, claim[6])
    over = lib.exceededCap(budget, b, days, amount)
  end
  if b[PAUSED] > 0 then
    reason = 'paused'
  elseif used + amount > perDay then
    reason, limit, counted, over = 'perDay', perDay, used, nil
  elseif over then
    reason, limit, counted = 'perDay', over[2], over[5]
  elseif b[MINUTE] >= perMinute then
    reason, limit, counted = 'perMinute', perMinute, b[MINUTE]
  elseif b[ACTIVE] >= concurrent then
    reason, limit, counted = 'concurrent', concurrent, b[ACTIVE]
  end
  if reason then
    lib = lib or library()
    local freeAt = lib.capacityAt(path, amount)
    commit()
    if reason == 'paused' then return { 'paused', budget, call('HGET', STATE, 'p' .. budget) } end
    local place = ({ perDay = 2, perMinute = 3, concurrent = 4 })[reason]
    local zone, own = over and over[1] or '', claim[place]
    if zone ~= '' then
      own = nil
      for _, cap in ipairs(claim[6] or {}) do
        if cap[1] == zone then own = cap[2] end
      end
    end
    local owner, endsIn, lease = '', 0, 0
    if limit < (own or NONE) then owner, endsIn, lease = lib.declarer(budget, place, zone, limit) end
    return { 'denied', budget, reason, limit, counted, freeAt and freeAt + shift or '', zone, owner, endsIn, lease }
  end
  -- A threshold is a decimal fraction, so a millionth of a micro-dollar is tolerated.
  if claim[5] and perDay < NONE and used + amount + 1e-6 >= claim[5][1] * perDay then
    local past = cjson.decode(call('HGET', STATE, 'l' .. budget) or '{}')
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
    lib.alertDays(budget, days, amount, k, claim[5], alerted, reply)
  end
end

if ARGV[5] == '' then
  commit()
  return { 'ok' }
end
-- No budget refuses: from here on it is taken.
if isDoubtful then lib.beginDoubt() end
for _, claim in ipairs(path) do
  local b = budgets[claim[1]]
  b[MINUTE] = b[MINUTE] + 1
  b[MINUTE + 2] = b[MINUTE + 2] + 1
  b[RESERVED] = b[RESERVED] + amount
  b[ACTIVE] = b[ACTIVE] + 1
  b[CHANGED] = true
end
-- As long from now as the caller asked for, whatever its clock shows.
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
${saveHead('ARGV[10]', 'ARGV[11]', 'found[#path + 4]')}
commit()
return reply
`

/**
 * ARGV: 3 id, 4 cost, 5 the id of the call, 6 an audit file's name (or empty), 7 its head, 8 `1`
 * if it is unknown whether the service charges that.
 */
const SETTLE_FIELDS = /* lua */ `
local id, cost, made, file = ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6]
local fields = { 'r' .. id, 'h' .. file }
`

/** Whether an unknown id is settled all the same, so that a reserve of it that arrives later is refused. */
const ONLY_KNOWN = /* lua */ `
local settlesUnknown = false
`
const ALSO_UNKNOWN = /* lua */ `
local settlesUnknown = not found[3]
`

const SETTLE = /* lua */ `
local record = found[3]
local state = record and record:sub(1, 1)
-- The reservation is settled: this very call did it and its answer was lost, or another call did.
if state == 'S' then
  return record:sub(11) == made and { 'ok', record:sub(10, 10) } or { 'none' }
end

local late = state == 'L'
local known = record ~= false
if record then
  local deadline, _, amount, _, _, path = parse(RECORD, record, 2)
  local slot
  if late then
    lib = lib or library()
    slot = lib.daySlotOf(lib.countsFrom(deadline))
    -- It expired so long ago that its amount no longer counts: there is nothing to correct.
    known = lib.slotExpiresAt(DAY, slot) > at
    if known then call('ZREM', OLD, 'r' .. id) end
  else
    call('ZREM', OPEN, id)
  end
  if known and isDoubtful then lib.beginDoubt() end
  for _, budget in ipairs(known and cjson.decode(path) or {}) do
    local b = current(budget)
    if late then
      lib.spend(budget, b, slot, cost - amount)
    else
      b[RESERVED] = b[RESERVED] - amount
      b[ACTIVE] = b[ACTIVE] - 1
      b[DAY] = b[DAY] + cost
      b[DAY + 2] = b[DAY + 2] + cost
      b[CHANGED] = true
      if cost > 0 then b[SOLVES] = b[SOLVES] + 1 end
      if ARGV[8] == '1' then b[UNSURE] = b[UNSURE] + cost end
    end
    if ARGV[8] ~= '1' then
      b[SETTLED] = b[SETTLED] + cost
      b[CHANGED] = true
    end
  end
end
if known or settlesUnknown then
  writes[1], writes[2] = 'r' .. id, 'S' .. pack('>d', at) .. (late and '1' or '0') .. made
  writes[3], writes[4] = 'q' .. last, id
  last = last + 1
end
if known then
  ${saveHead('file', 'ARGV[7]', 'found[4]')}
end
commit()
return known and { 'ok', late and '1' or '0' } or { 'none' }
`

/**
 * Lua that saves a head, unless the file's name is empty. A head is written as its number, its hash and, if it is the
 * end of the file, how that ends, with spaces between them. It never goes back, and an end stays.
 */
function saveHead(file: string, head: string, known: string): string {
  return /* lua */ `
  local was = ${known} and tonumber(${known}:match('^%d+'))
  local is = tonumber(${head}:match('^%d+'))
  if ${file} ~= '' and (not was or was < is or was == is and #${known} < #${head}) then
    local n = #writes
    writes[n + 1], writes[n + 2] = 'h' .. ${file}, ${head}
    if not ${known} then
      call('ZADD', NAMES, 0, 'h' .. ${file})
      call('ZADD', OLD, at + HEAD_KEPT_MS, 'h' .. ${file})
    end
  end
`
}

/**
 * ARGV: 3 budget, 4 calendar caps as JSON. The reply ends with, for each of them and of those declared: its time zone,
 * amount, start, end and sum.
 */
const USAGE_FIELDS = /* lua */ `
local fields = { 'a' .. ARGV[3], 'p' .. ARGV[3] }
`

const USAGE = /* lua */ `
local b = current(ARGV[3], found[3])
lib = lib or library()
local moreAt = lib.goneAt(ARGV[3], b, DAY, 1)
local reply = { 'ok', b[DAY], b[RESERVED], b[MINUTE], b[ACTIVE], b[SETTLED], b[UNSURE], b[SOLVES] }
reply[#reply + 1] = moreAt and moreAt + shift or ''
for k = PER_DAY, CONCURRENT do reply[#reply + 1] = b[k] < NONE and b[k] or -1 end
reply[#reply + 1] = b[PAUSED] > 0 and found[4] or ''
reply[#reply + 1] = b[CALENDARS] > 0 and call('HGET', STATE, 'k' .. ARGV[3]) or ''
reply[#reply + 1] = clock
for _, cap in ipairs(lib.calendarCaps(ARGV[3], b, cjson.decode(ARGV[4]))) do
  local n, from = #reply, lib.dayStart(cap)
  reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4], reply[n + 5] =
    cap[1], cap[2], from - ahead, lib.dayEnd(cap) - ahead, lib.sumSince(ARGV[3], b, from)
end
commit()
return reply
`

const NO_FIELDS = /* lua */ `
local fields = {}
`

/** ARGV: 3 owner, 4 lease (ms), 5 its limits: [[budget, perDay, perMinute, concurrent, calendar caps], …] as JSON. */
const REGISTER = /* lua */ `
call('HSET', STATE, 'o' .. ARGV[3], '[' .. ARGV[4] .. ',' .. ARGV[5] .. ']')
call('ZADD', OWNERS, at + ARGV[4], ARGV[3])
local mine, reply = {}, { 'ok', clock }
for _, declared in ipairs(cjson.decode(ARGV[5])) do mine[declared[1]] = declared end
local differing, others = lib.redeclare(mine)
for budget, t in pairs(differing) do
  reply[#reply + 1] = budget
  for k = 1, 3 do reply[#reply + 1] = t[k] < NONE and t[k] or -1 end
  reply[#reply + 1] = #t[4] > 0 and cjson.encode(t[4]) or ''
  for k = 1, 3 do reply[#reply + 1] = others[budget][k] end
end
commit()
return reply
`

/** ARGV: 3 owner, 4 an audit file's name (or empty), 5 its head. */
const HEARTBEAT_FIELDS = /* lua */ `
local fields = { 'o' .. ARGV[3], 'h' .. ARGV[4] }
`

const HEARTBEAT = /* lua */ `
${saveHead('ARGV[4]', 'ARGV[5]', 'found[4]')}
local before = tonumber(call('ZSCORE', OWNERS, ARGV[3]))
if not found[3] or not before then
  commit()
  return { 'unknown' }
end
call('ZADD', OWNERS, max(before, at + cjson.decode(found[3])[1]), ARGV[3])
if before <= at then lib.redeclare() end
commit()
return { 'ok' }
`

/** ARGV: 3 owner. */
const UNREGISTER = /* lua */ `
call('ZREM', OWNERS, ARGV[3])
call('HDEL', STATE, 'o' .. ARGV[3])
lib.redeclare()
commit()
return { 'ok' }
`

/** ARGV: 3 id, 4 the task as JSON, 5 its account and its id at the service. The reply: whether that is repeated. */
const ATTACH_TASK_FIELDS = /* lua */ `
local id, task = ARGV[3], 'x' .. ARGV[5]
local fields = { 'r' .. id, task }
`

const ATTACH_TASK = /* lua */ `
local repeated = '0'
local state = found[3] and found[3]:sub(1, 1) or 'S'
if state ~= 'S' then
  writes[1], writes[2] = 't' .. id, ARGV[4]
  call('ZADD', TASKS, 'NX', 0, id)
end
if state == 'O' then
  local owner = found[4] and found[4] ~= id and call('HGET', STATE, 'r' .. found[4])
  if owner and owner:sub(1, 1) == 'O' then
    repeated = '1'
  else
    writes[3], writes[4] = task, id
    call('ZADD', OLD, (parse(RECORD, found[3], 2)), task)
  end
end
commit()
return { 'ok', repeated }
`

/**
 * ARGV: 3 owner, 4 solver, 5 budget, 6 the most tasks, 7 how many tasks to skip, 8 its other egress routes, as JSON.
 * The reply begins with how many tasks to skip next (-1: there are no more), then has what was claimed.
 */
const CLAIM = /* lua */ `
local limit, skipped = tonumber(ARGV[6]), tonumber(ARGV[7])
local ids = call('ZRANGEBYSCORE', TASKS, '-inf', at, 'LIMIT', skipped, BATCH)
local live, reply = {}, {}
local egressRoutes = cjson.decode(ARGV[8])

local function isLive(owner)
  if live[owner] == nil then live[owner] = (tonumber(call('ZSCORE', OWNERS, owner)) or 0) > at end
  return live[owner]
end

for _, id in ipairs(ids) do
  if #reply >= limit * 5 then break end
  local entry = call('HMGET', STATE, 'r' .. id, 't' .. id)
  local record, task = entry[1], entry[2]
  if not record or not task or record:sub(1, 1) == 'S' then
    call('ZREM', TASKS, id)
  else
    local state, deadline, _, amount, made, owner, path = lib.readRecord(record)
    local free = state == 'L' or not isLive(owner)
    local attached = cjson.decode(task)
    local route = attached.egressRoute
    local can = attached.solver == ARGV[4] and (not route or lib.includes(egressRoutes, route))
    if free and can and lib.includes(path, ARGV[5]) then
      local n = #reply
      reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4], reply[n + 5] =
        id, amount, deadline + shift, cjson.encode(path), task
      n = #writes
      writes[n + 1], writes[n + 2] =
        'r' .. id, state .. pack(RECORD, deadline, at, amount, made, ARGV[3], cjson.encode(path))
      call('ZADD', TASKS, at + KEPT_MS, id)
    else
      skipped = skipped + 1
    end
  end
end
commit()
return { 'ok', #ids < BATCH and -1 or skipped, unpack(reply) }
`

/** ARGV: 3 budget, 4 the reason as JSON, with the id of the call. */
const PAUSE_FIELDS = /* lua */ `
local fields = { 'p' .. ARGV[3] }
`

const PAUSE = /* lua */ `
local b = current(ARGV[3])
if b[PAUSED] > 0 then return { found[3] == ARGV[4] and 'ok' or 'none' } end
b[PAUSED] = 1
b[CHANGED] = true
writes[1], writes[2] = 'p' .. ARGV[3], ARGV[4]
commit()
return { 'ok' }
`

/** ARGV: 3 budget. */
const RESUME = /* lua */ `
local b = current(ARGV[3])
if b[PAUSED] > 0 then
  b[PAUSED] = 0
  b[CHANGED] = true
end
commit()
return { 'ok' }
`

/** ARGV: 3 scope, 4 name, 5 value, 6 for how long (ms), 7 `1` if an existing one keeps its value. */
const SET_FACT_FIELDS = /* lua */ `
local field, value = 'f' .. #ARGV[3] .. ':' .. ARGV[3] .. ':' .. ARGV[4], ARGV[5]
local fields = { field }
`

const SET_FACT = /* lua */ `
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

/** ARGV: 3 scope. The reply has, for each fact, its name, its value, and when it was last set. */
const LIST_FACTS = /* lua */ `
local beginning = 'f' .. #ARGV[3] .. ':' .. ARGV[3] .. ':'
local reply = { 'ok' }
for _, field in ipairs(lib.fieldsWithPrefix(beginning)) do
  local fact = call('HGET', STATE, field)
  local to, since = parse('>dd', fact)
  if to > at then
    local n = #reply
    reply[n + 1], reply[n + 2], reply[n + 3] = field:sub(#beginning + 1), fact:sub(17), since + shift
  end
end
commit()
return reply
`

/** ARGV: 3 an audit file's name, 4 its head. */
const HEAD_FIELDS = /* lua */ `
local fields = { 'h' .. ARGV[3] }
`

const SAVE_HEAD = /* lua */ `
${saveHead('ARGV[3]', 'ARGV[4]', 'found[3]')}
commit()
return { 'ok' }
`

/** The reply has, for each audit file, its name and its head. */
const HEADS = /* lua */ `
local reply = { 'ok' }
for _, field in ipairs(lib.fieldsWithPrefix('h')) do
  reply[#reply + 1] = field:sub(2)
  reply[#reply + 1] = call('HGET', STATE, field)
end
return reply
`

/**
 * Creates the state where there is none, and returns its identity. ARGV: 1 the identity of a new one. Runs one of each
 * command that the other scripts use, so that a user without the permission gets the error now, and not in the middle
 * of an operation.
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

/** Returns the identity of the state, or an empty text where there is none. Changes nothing. */
const IDENTIFY = /* lua */ `
return { 'ok', redis.call('HGET', KEYS[1], 'e') or '' }
`

/** Does nothing. */
const PING = /* lua */ `
return { 'ok' }
`

/** For scripts that need the library at every call. */
const WITH_LIBRARY = /* lua */ `
lib = lib or library()
`

/** One script for each operation of a ledger; `release` gives back what may have been reserved. */
export function scriptsBy(time: string) {
  const whole = (fields: string, ...rest: string[]) => script(HEAD, LIBRARY, fields, readFields(time), ...rest)
  return {
    open: script(OPEN),
    register: whole(NO_FIELDS, WITH_LIBRARY, REGISTER),
    heartbeat: whole(HEARTBEAT_FIELDS, WITH_LIBRARY, HEARTBEAT),
    unregister: whole(NO_FIELDS, WITH_LIBRARY, UNREGISTER),
    reserve: whole(RESERVE_FIELDS, RESERVE),
    attachTask: whole(ATTACH_TASK_FIELDS, ATTACH_TASK),
    settle: whole(SETTLE_FIELDS, ONLY_KNOWN, SETTLE),
    release: whole(SETTLE_FIELDS, ALSO_UNKNOWN, SETTLE),
    claim: whole(NO_FIELDS, WITH_LIBRARY, CLAIM),
    pause: whole(PAUSE_FIELDS, PAUSE),
    resume: whole(NO_FIELDS, RESUME),
    usage: whole(USAGE_FIELDS, USAGE),
    setFact: whole(SET_FACT_FIELDS, SET_FACT),
    listFacts: whole(NO_FIELDS, WITH_LIBRARY, LIST_FACTS),
    saveHead: whole(HEAD_FIELDS, SAVE_HEAD),
    heads: whole(NO_FIELDS, WITH_LIBRARY, HEADS),
    identify: script(IDENTIFY),
    ping: script(PING),
  } as const satisfies Record<string, Script>
}

/** The scripts of a ledger. */
export type Scripts = ReturnType<typeof scriptsBy>
