/** What is not needed by most calls. The functions that a script uses are fields of what `library` gives. */
export const LIBRARY = /* lua */ `
library = function()
local SLOT_MS = { [DAY] = DAY_SLOT_MS, [MINUTE] = MINUTE_SLOT_MS }
local SLOTS = { [DAY] = 288, [MINUTE] = 60 }
local CLOSED = { [DAY] = 'd', [MINUTE] = 'n' }

local function write(field, value)
  writes[#writes + 1] = field
  writes[#writes + 1] = value
end

-- Both at once: a slot that is closed but still in its account, or the other way round, would falsify a sum.
local function writeClosed(id, a, window, closed)
  a[CHANGED] = true
  call('HSET', BOOKS, CLOSED[window] .. id, closed, 'a' .. id, pack(ACCOUNT, unpack(a, 1, PAUSED)))
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
  local from = 1
  while from < #closed do
    local s, n = parse('>dd', closed, from)
    if s + 1 + SLOTS[window] > slot then break end
    a[window] = a[window] - n
    from = from + 16
  end
  writeClosed(id, a, window, closed:sub(from))
end

-- A slot of the day ends with one of the minute.
local function slide(id, a)
  slideWindow(id, a, DAY)
  slideWindow(id, a, MINUTE)
end

-- Counts an amount (negative to correct) in a slot of the day that still counts. A slot never falls below zero.
local function spend(id, a, slot, amount)
  a[CHANGED] = true
  local now = a[DAY + 1]
  if slot == now then
    local after = max(0, a[DAY + 2] + amount)
    a[DAY] = a[DAY] + after - a[DAY + 2]
    a[DAY + 2] = after
  elseif slot < now and slot + 1 + SLOTS[DAY] > now then
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
    a[DAY] = a[DAY] + after - before
    writeClosed(id, a, DAY, closed:sub(1, from - 1) .. pack('>dd', slot, after) .. closed:sub(found and from + 16 or from))
  end
end

local function slotEnds(window, slot)
  return (slot + 1 + SLOTS[window]) * SLOT_MS[window]
end

local function dayOf(moment)
  return floor(moment / DAY_SLOT_MS)
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
      spend(budget, a, dayOf(deadline), amount)
    end
    write('r' .. id, 'L' .. record:sub(2))
    call('ZADD', OLD, slotEnds(DAY, dayOf(deadline)), 'r' .. id)
  end
  if #ids > 0 then call('ZREM', OPEN, unpack(ids)) end
  local next = call('ZRANGE', OPEN, 0, 0, 'WITHSCORES')
  due = tonumber(next[2]) or NONE
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
      local t = tightest[budget] or { NONE, NONE, NONE }
      tightest[budget] = t
      local own = mine and mine[budget]
      for k = 1, 3 do
        local limit = declared[k + 1] or NONE
        t[k] = min(t[k], limit)
        if own and (own[k + 1] or NONE) ~= limit then differing[budget] = t end
      end
    end
  end
  for _, budget in ipairs(cjson.decode(call('HGET', BOOKS, 'c') or '[]')) do
    tightest[budget] = tightest[budget] or { NONE, NONE, NONE }
  end
  local budgets = {}
  for budget, t in pairs(tightest) do
    local a = current(budget)
    if a[PER_DAY] ~= t[1] or a[PER_MINUTE] ~= t[2] or a[CONCURRENT] ~= t[3] then
      a[PER_DAY], a[PER_MINUTE], a[CONCURRENT] = t[1], t[2], t[3]
      a[CHANGED] = true
    end
    if min(t[1], t[2], t[3]) < NONE then budgets[#budgets + 1] = budget end
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
  if min(a[PER_DAY], a[PER_MINUTE], a[CONCURRENT]) < NONE then return false end
  for _, given in pairs(cjson.decode(call('HGET', BOOKS, 'l' .. id) or '{}')) do
    if at < given + DAY_MS then return false end
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
      for _, letter in ipairs({ 'a', 'd', 'n', 'l', 'p' }) do fields[#fields + 1] = letter .. name end
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
    gone = gone + n
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
  roomAt = roomAt,
}
end
`
