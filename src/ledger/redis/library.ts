/** What is not needed by most calls. The functions that a script uses are fields of what `library` gives. */
export const LIBRARY = /* lua */ `
library = function()
local SLOT_MS = { [DAY] = DAY_SLOT_MS, [MINUTE] = MINUTE_SLOT_MS }
local SLOTS = { [DAY] = 288, [MINUTE] = 60 }
-- For how many more slots those are kept that no longer count.
local KEPT = { [DAY] = (LONGEST_DAY_MS - DAY_MS) / DAY_SLOT_MS, [MINUTE] = 0 }
local CLOSED = { [DAY] = 'd', [MINUTE] = 'n' }

local function write(field, value)
  writes[#writes + 1] = field
  writes[#writes + 1] = value
end

local function slotEnds(window, slot)
  return (slot + 1 + SLOTS[window]) * SLOT_MS[window]
end

local function dayOf(moment)
  return floor(moment / DAY_SLOT_MS)
end

-- Both at once: a slot that is closed but still in its account, or the other way round, would falsify a sum.
local function writeClosed(id, a, window, closed)
  a[CHANGED] = true
  call('HSET', BOOKS, CLOSED[window] .. id, closed, 'a' .. id, pack(ACCOUNT, unpack(a, 1, SOLVES)))
  if window == DAY then call('HDEL', BOOKS, 's' .. id) end
end

-- Lets a window of an account slide to now.
local function slideWindow(id, a, window)
  local slot = floor(at / SLOT_MS[window])
  if slot <= a[window + 1] then return end
  local before, amount = a[window + 1], a[window + 2]
  a[window + 1], a[window + 2] = slot, 0
  if a[window] == 0 then return end
  local closed = call('HGET', BOOKS, CLOSED[window] .. id) or ''
  if amount > 0 then closed = closed .. pack('>dd', before, amount) end
  local from, kept = 1, 1
  while from < #closed do
    local s, n = parse('>dd', closed, from)
    if s + 1 + SLOTS[window] > slot then break end
    -- Those before it had left the window when it slid last.
    if s + 1 + SLOTS[window] > before then a[window] = a[window] - n end
    from = from + 16
    if s + 1 + SLOTS[window] + KEPT[window] <= slot then kept = from end
  end
  writeClosed(id, a, window, closed:sub(kept))
end

-- A slot of the day ends with one of the minute.
local function slide(id, a)
  slideWindow(id, a, DAY)
  slideWindow(id, a, MINUTE)
end

-- Counts an amount (negative to correct) in a slot of the day that is still kept. A slot never falls below zero.
local function spend(id, a, slot, amount)
  a[CHANGED] = true
  local now = a[DAY + 1]
  if slot == now then
    local after = max(0, a[DAY + 2] + amount)
    a[DAY] = a[DAY] + after - a[DAY + 2]
    a[DAY + 2] = after
  elseif slot < now and slot + 1 + SLOTS[DAY] + KEPT[DAY] > now then
    local closed = call('HGET', BOOKS, 'd' .. id) or ''
    local from, s, n = 1, nil, 0
    while from < #closed do
      s, n = parse('>dd', closed, from)
      if s >= slot then break end
      from = from + 16
    end
    local found = from < #closed and s == slot
    local before = found and n or 0
    local after = max(0, before + amount)
    if slot + 1 + SLOTS[DAY] > now then a[DAY] = a[DAY] + after - before end
    writeClosed(id, a, DAY, closed:sub(1, from - 1) .. pack('>dd', slot, after) .. closed:sub(found and from + 16 or from))
  end
end

-- A calendar cap is a list of its time zone, its amount, when the day began and when it ends. What follows does as books.ts does.
local function countsFrom(cap)
  if at >= cap[4] then return max(cap[4], at - LONGEST_DAY_MS) end
  return at >= cap[3] and cap[3] or at - LONGEST_DAY_MS
end

local function resetsAt(cap)
  if at < cap[3] then return cap[3] end
  return at < cap[4] and cap[4] or max(cap[4] + DAY_MS, at)
end

-- Of each calendar the tighter amount, on the later of two days.
local function tighterDays(some, others)
  local caps = { unpack(some) }
  for _, cap in ipairs(others) do
    local place = #caps + 1
    for i, each in ipairs(caps) do
      if each[1] == cap[1] then place = i end
    end
    local same = caps[place] or cap
    local later = same[4] >= cap[4] and same or cap
    caps[place] = { cap[1], min(same[2], cap[2]), later[3], later[4] }
  end
  return caps
end

-- The calendar caps that hold for a budget: what the caller says, and what live owners declared.
local function daysOf(id, a, claimed)
  local declared = a[CALENDARS] > 0 and call('HGET', BOOKS, 'k' .. id)
  return tighterDays(claimed or {}, declared and cjson.decode(declared) or {})
end

-- What was counted in the slot of a moment and after it. The closed ones are added up once for as long as they stay what they are.
local function since(id, a, from)
  local beginning, sum = dayOf(from), nil
  local known = call('HGET', BOOKS, 's' .. id)
  local sums = known and cmsgpack.unpack(known) or {}
  for i = 1, #sums, 2 do
    if sums[i] == beginning then sum = sums[i + 1] end
  end
  if not sum then
    local closed = call('HGET', BOOKS, 'd' .. id) or ''
    sum = 0
    for place = #closed - 15, 1, -16 do
      local s, n = parse('>dd', closed, place)
      if s < beginning then break end
      sum = sum + n
    end
    if #sums >= 8 then sums = {} end
    sums[#sums + 1], sums[#sums + 2] = beginning, sum
    call('HSET', BOOKS, 's' .. id, cmsgpack.pack(sums))
  end
  return a[DAY + 1] >= beginning and sum + a[DAY + 2] or sum
end

-- The first calendar cap that has no room for an amount, and what counts for it; or nil. Each cap gets what counts as its fifth.
local function overDay(id, a, caps, amount)
  for _, cap in ipairs(caps) do
    cap[5] = since(id, a, countsFrom(cap)) + a[RESERVED]
    if cap[5] + amount > cap[2] then return cap end
  end
end

-- Adds to a reply the alerts of a budget's calendar days, and to 'alerted' when each was last given.
local function alertDays(budget, caps, amount, place, thresholds, alerted, reply)
  local past
  for _, cap in ipairs(caps) do
    for i, threshold in ipairs(thresholds) do
      if cap[5] + amount + 1e-6 < threshold * cap[2] then break end
      past = past or alerted[budget] or cjson.decode(call('HGET', BOOKS, 'l' .. budget) or '{}')
      local name = string.format('%.17g ', threshold) .. cap[1]
      if not past[name] or past[name] < countsFrom(cap) then
        past[name] = at
        alerted[budget] = past
        local n = #reply
        reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4], reply[n + 5] =
          place - 1, i - 1, cap[5] + amount, cap[2], cap[1]
      end
    end
  end
end

-- state, deadline, when claimed, amount, which call, owner, path
local function readRecord(record)
  local deadline, claimedAt, amount, made, owner, path = parse(RECORD, record, 2)
  return record:sub(1, 1), deadline, claimedAt, amount, made, owner, cjson.decode(path)
end

-- Lets those reservations lapse whose deadline has come: their amounts count as spent from then on.
local function lapse()
  local ids = call('ZRANGEBYSCORE', OPEN, '-inf', at, 'LIMIT', 0, BATCH)
  for _, id in ipairs(ids) do
    local record = call('HGET', BOOKS, 'r' .. id)
    local _, deadline, _, amount, _, _, path = readRecord(record)
    for _, budget in ipairs(path) do
      local a = current(budget)
      a[RESERVED] = a[RESERVED] - amount
      a[ACTIVE] = a[ACTIVE] - 1
      a[UNSURE] = a[UNSURE] + amount
      a[SOLVES] = a[SOLVES] + 1
      spend(budget, a, dayOf(deadline), amount)
    end
    write('r' .. id, 'L' .. record:sub(2))
    call('ZADD', OLD, slotEnds(DAY, dayOf(deadline)), 'r' .. id)
  end
  if #ids > 0 then call('ZREM', OPEN, unpack(ids)) end
  local next = call('ZRANGE', OPEN, 0, 0, 'WITHSCORES')
  due = tonumber(next[2]) or NONE
end

-- Whether two lists of calendar caps say the same, whatever day it is.
local function sameDays(some, others)
  local amounts = {}
  for _, cap in ipairs(some) do amounts[cap[1]] = cap[2] end
  for _, cap in ipairs(others) do
    if amounts[cap[1]] ~= cap[2] then return false end
  end
  return #some == #others
end

-- Works out anew what live owners declare. For one that joins: also on which of its budgets they differ.
local function redeclare(mine)
  local live = call('ZRANGEBYSCORE', OWNERS, '(' .. at, '+inf', 'WITHSCORES')
  leases = tonumber(live[2]) or NONE
  local tightest, differing = {}, {}
  for i = 1, #live, 2 do
    local owner = call('HGET', BOOKS, 'o' .. live[i])
    for _, declared in ipairs(owner and cjson.decode(owner)[2] or {}) do
      local budget = declared[1]
      local t = tightest[budget] or { NONE, NONE, NONE, {} }
      tightest[budget] = t
      local own = mine and mine[budget]
      for k = 1, 3 do
        local limit = declared[k + 1] or NONE
        t[k] = min(t[k], limit)
        if own and (own[k + 1] or NONE) ~= limit then differing[budget] = t end
      end
      local days = declared[5] or {}
      t[4] = tighterDays(t[4], days)
      if own and not sameDays(own[5] or {}, days) then differing[budget] = t end
    end
  end
  for _, budget in ipairs(cjson.decode(call('HGET', BOOKS, 'c') or '[]')) do
    tightest[budget] = tightest[budget] or { NONE, NONE, NONE, {} }
  end
  local budgets = {}
  for budget, t in pairs(tightest) do
    local a = current(budget)
    if a[PER_DAY] ~= t[1] or a[PER_MINUTE] ~= t[2] or a[CONCURRENT] ~= t[3] or a[CALENDARS] ~= #t[4] then
      a[PER_DAY], a[PER_MINUTE], a[CONCURRENT], a[CALENDARS] = t[1], t[2], t[3], #t[4]
      a[CHANGED] = true
    end
    if #t[4] > 0 then write('k' .. budget, cjson.encode(t[4])) end
    if min(t[1], t[2], t[3]) < NONE or #t[4] > 0 then budgets[#budgets + 1] = budget end
  end
  write('c', #budgets > 0 and cjson.encode(budgets) or '[]')
  return differing
end

-- A lease has ended, if nobody renewed it meanwhile.
local function expire()
  local dead = call('ZRANGEBYSCORE', OWNERS, leases, at, 'LIMIT', 0, 1)
  if #dead > 0 then return redeclare() end
  local next = call('ZRANGEBYSCORE', OWNERS, '(' .. at, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  leases = tonumber(next[2]) or NONE
end

-- Whether nothing is to be said of a budget any more.
local function isIdle(id)
  local a = current(id)
  if a[ACTIVE] > 0 or a[DAY] > 0 or a[MINUTE] > 0 or a[PAUSED] > 0 then return false end
  if min(a[PER_DAY], a[PER_MINUTE], a[CONCURRENT]) < NONE or a[CALENDARS] > 0 then return false end
  -- What no longer counts in any 24 hours may count in a calendar day.
  local closed = call('HGET', BOOKS, 'd' .. id) or ''
  if #closed > 0 and parse('>d', closed, #closed - 15) + 1 + SLOTS[DAY] + KEPT[DAY] > a[DAY + 1] then return false end
  for _, given in pairs(cjson.decode(call('HGET', BOOKS, 'l' .. id) or '{}')) do
    if at < given + LONGEST_DAY_MS then return false end
  end
  return true
end

-- Forgets reservations, with all that was said of them.
local function forget(ids)
  if #ids == 0 then return end
  local fields = {}
  for i, id in ipairs(ids) do
    fields[3 * i - 2], fields[3 * i - 1], fields[3 * i] = 'r' .. id, 't' .. id, 'g' .. id
  end
  call('HDEL', BOOKS, unpack(fields))
  call('ZREM', TASKS, unpack(ids))
end

-- Forgets those reservations that were settled a while ago: nobody asks any more whether that was booked.
local function forgetSettled()
  local fields, ids = {}, {}
  for n = first, min(last, first + BATCH) - 1 do fields[#fields + 1] = 'q' .. n end
  local queue = #fields > 0 and call('HMGET', BOOKS, unpack(fields)) or {}
  for i, id in ipairs(queue) do
    if at < parse('>d', call('HGET', BOOKS, 'r' .. id), 2) + KEPT_MS then break end
    ids[i] = id
  end
  if #ids > 0 then call('HDEL', BOOKS, unpack(fields, 1, #ids)) end
  forget(ids)
  first = first + #ids
  return #ids
end

-- Forgets a piece of what is past.
local function sweep()
  local members = call('ZRANGEBYSCORE', OLD, '-inf', at, 'LIMIT', 0, BATCH)
  local fields, ids, named, gone = {}, {}, {}, {}
  for _, member in ipairs(members) do
    local kind, name = member:sub(1, 1), member:sub(2)
    if kind == 'r' then
      ids[#ids + 1] = name
    elseif kind == 'f' or kind == 'h' then
      named[#named + 1] = member
      fields[#fields + 1] = member
    elseif isIdle(name) then
      for _, letter in ipairs({ 'a', 'd', 'n', 'l', 'p', 'k', 's' }) do fields[#fields + 1] = letter .. name end
      accounts[name] = nil
    else
      call('ZADD', OLD, at + DAY_MS, member)
      kind = nil
    end
    if kind then gone[#gone + 1] = member end
  end
  for _, id in ipairs(call('ZRANGEBYSCORE', OWNERS, '-inf', at - DAY_MS, 'LIMIT', 0, BATCH)) do
    fields[#fields + 1] = 'o' .. id
    call('ZREM', OWNERS, id)
  end
  forget(ids)
  if #fields > 0 then call('HDEL', BOOKS, unpack(fields)) end
  if #named > 0 then call('ZREM', NAMES, unpack(named)) end
  if #gone > 0 then call('ZREM', OLD, unpack(gone)) end
  -- Soon again where there is more.
  sweepAt = at + (max(#members, forgetSettled()) == BATCH and SWEEP_SOON_MS or SWEEP_MS)
end

-- What time does by itself, at most a piece of it: no call may hold the server up.
local function pass()
  if at >= due then lapse() end
  if at >= leases then expire() end
  if at >= sweepAt then sweep() end
  commit()
end

-- The fields that begin so. No text has a byte 255.
local function named(beginning)
  return call('ZRANGEBYLEX', NAMES, '[' .. beginning, '[' .. beginning .. '\\255')
end

local function includes(list, wanted)
  for _, each in ipairs(list) do
    if each == wanted then return true end
  end
  return false
end

-- When at least 'excess' of what a window counts will no longer count.
local function goneAt(budget, a, window, excess)
  local closed = call('HGET', BOOKS, CLOSED[window] .. budget) or ''
  local gone, from = 0, 1
  while from < #closed do
    local s, n = parse('>dd', closed, from)
    if s + 1 + SLOTS[window] > a[window + 1] then gone = gone + n end
    if gone >= excess then return slotEnds(window, s) end
    from = from + 16
  end
  if gone + a[window + 2] >= excess then return slotEnds(window, a[window + 1]) end
end

-- The n-th deadline, from the earliest, among what is under way in a budget. It looks at a thousand at most: then it is
-- the last of those, before which there is no room either.
local function deadlineOf(budget, n)
  local latest = NONE
  for from = 0, 900, 100 do
    local ids = call('ZRANGE', OPEN, from, from + 99, 'WITHSCORES')
    if #ids == 0 then return NONE end
    for i = 1, #ids, 2 do
      local _, deadline, _, _, _, _, path = readRecord(call('HGET', BOOKS, 'r' .. ids[i]))
      latest = deadline
      if includes(path, budget) then n = n - 1 end
      if n == 0 then return deadline end
    end
  end
  return latest
end

-- The first moment at which nothing on the path is in the way any more, or nil where time alone changes nothing.
local function roomAt(path, amount)
  local room = at
  for _, claim in ipairs(path) do
    local budget = claim[1]
    local a = current(budget)
    local perDay, perMinute, concurrent =
      min(claim[2] or NONE, a[PER_DAY]), min(claim[3] or NONE, a[PER_MINUTE]), min(claim[4] or NONE, a[CONCURRENT])
    if perDay < amount or perMinute < 1 or concurrent < 1 or a[PAUSED] > 0 then return nil end
    local excess = a[DAY] + a[RESERVED] + amount - perDay
    if excess > 0 then room = max(room, goneAt(budget, a, DAY, excess) or deadlineOf(budget, 1)) end
    for _, cap in ipairs(daysOf(budget, a, claim[6])) do
      if cap[2] < amount then return nil end
      local spent = since(budget, a, countsFrom(cap))
      local over = spent + a[RESERVED] + amount - cap[2]
      if over > 0 then room = max(room, spent >= over and resetsAt(cap) or deadlineOf(budget, 1)) end
    end
    local tooMany = a[MINUTE] + 1 - perMinute
    if tooMany > 0 then room = max(room, goneAt(budget, a, MINUTE, tooMany) or at) end
    local tooBusy = a[ACTIVE] + 1 - concurrent
    if tooBusy > 0 then room = max(room, deadlineOf(budget, tooBusy)) end
  end
  return room < NONE and room or nil
end

return {
  slide = slide,
  spend = spend,
  slotEnds = slotEnds,
  dayOf = dayOf,
  readRecord = readRecord,
  redeclare = redeclare,
  pass = pass,
  named = named,
  includes = includes,
  goneAt = goneAt,
  roomAt = roomAt,
  daysOf = daysOf,
  overDay = overDay,
  alertDays = alertDays,
  countsFrom = countsFrom,
  resetsAt = resetsAt,
  since = since,
}
end
`
