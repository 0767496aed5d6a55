/** What most calls do not need. `library` returns the functions that scripts use, by name. */
export const LIBRARY = /* lua */ `
library = function()
local SLOT_MS = { [DAY] = DAY_SLOT_MS, [MINUTE] = MINUTE_SLOT_MS }
local SLOTS = { [DAY] = 288, [MINUTE] = 60 }
-- For how many slots more those are kept that no longer count.
local KEPT = { [DAY] = (MAX_DAY_MS - DAY_MS) / DAY_SLOT_MS, [MINUTE] = 0 }
local CLOSED = { [DAY] = 'd', [MINUTE] = 'n' }

local function write(field, value)
  writes[#writes + 1] = field
  writes[#writes + 1] = value
end

local function slotExpiresAt(window, slot)
  return (slot + 1 + SLOTS[window]) * SLOT_MS[window]
end

local function daySlotOf(moment)
  return floor(moment / DAY_SLOT_MS)
end

-- Both in one call: a closed slot that is still in its budget, or the other way round, would make a sum wrong.
local function writeClosed(id, b, window, closed)
  b[CHANGED] = true
  call('HSET', STATE, CLOSED[window] .. id, closed, 'a' .. id, pack(BUDGET, unpack(b, 1, SOLVES)))
  if window == DAY then call('HDEL', STATE, 's' .. id) end
end

-- What the clocks of the server and of the caller say of each other: in Redis what time.ts does elsewhere.
local offset, doubtSince, doubtLater, leapSince, leapTo, later = 0, -1, -1, 0, 0, NONE

local function packClocks()
  if leapTo > 0 and at > leapTo + MAX_DAY_MS then leapSince, leapTo = 0, 0 end
  local usual = offset == 0 and ahead == 0 and doubtSince < 0 and leapTo == 0
  clocks = usual and '' or pack(CLOCKS, offset, ahead, doubtSince, doubtLater, leapSince, leapTo)
end

local function compareClocks(meta)
  if #meta > META_BYTES then
    offset, ahead, doubtSince, doubtLater, leapSince, leapTo = parse(CLOCKS, meta, META_BYTES + 1)
  end
  local reading = tonumber(ARGV[2])
  if reading > 0 and shift <= TOLERANCE_MS and shift >= -TOLERANCE_MS then
    local to, lead = clock, 0
    if to < at - TOLERANCE_MS then to, lead = clock + ahead, ahead end
    if to < at - TOLERANCE_MS then to, lead = at, floor((at - clock) / DAY_SLOT_MS) * DAY_SLOT_MS end
    if doubtSince >= 0 and to > at + TOLERANCE_MS and doubtLater <= to + TOLERANCE_MS then
      leapSince, leapTo = doubtSince, to
    end
    doubtSince, doubtLater, offset, ahead = -1, -1, lead, lead
    at = max(at, to)
  else
    local time = clock + offset
    -- A ledger that has recorded nothing begins at the later time.
    if at == 0 then at = max(clock, reading) end
    if time > at + TOLERANCE_MS or time < at - TOLERANCE_MS then
      offset = at - clock
    else
      at = max(at, time)
    end
    for _, shown in ipairs({ clock, reading }) do
      if shown + ahead > at + TOLERANCE_MS then later = min(later, shown + ahead) end
    end
    isDoubtful = later < (doubtSince < 0 and NONE or doubtLater)
  end
  if reading > 0 then shift = reading - clock - offset end
  packClocks()
end

-- Something is counted though one of the clocks shows a later time.
local function beginDoubt()
  doubtSince, doubtLater = doubtSince < 0 and at or doubtSince, later
  packClocks()
end

-- As of when an amount counts that expired: what expired in doubt counts as of when the clocks agreed.
local function countsFrom(deadline)
  if leapTo > 0 and deadline >= leapSince and deadline < leapTo then return leapTo end
  return deadline
end

-- Counts what a budget spent in doubt as of when the clocks agreed, if it was not used since.
local function leap(id, b)
  local from, to = daySlotOf(leapSince), daySlotOf(leapTo)
  local closed = call('HGET', STATE, 'd' .. id) or ''
  if b[DAY + 2] > 0 then closed = closed .. pack('>dd', b[DAY + 1], b[DAY + 2]) end
  local kept, sum, moved = {}, 0, 0
  for place = 1, #closed, 16 do
    local s, n = parse('>dd', closed, place)
    if s >= from then
      moved = moved + n
    elseif s + 1 + SLOTS[DAY] + KEPT[DAY] > to then
      kept[#kept + 1] = closed:sub(place, place + 15)
      if s + 1 + SLOTS[DAY] > to then sum = sum + n end
    end
  end
  b[DAY], b[DAY + 1], b[DAY + 2] = sum + moved, to, moved
  writeClosed(id, b, DAY, table.concat(kept))
end

-- Moves a window of a budget to now.
local function slideWindow(id, b, window)
  local slot = floor(at / SLOT_MS[window])
  if slot <= b[window + 1] then return end
  if window == DAY and leapTo > 0 and b[DAY + 1] < daySlotOf(leapTo) then leap(id, b) end
  if slot <= b[window + 1] then return end
  local before, amount = b[window + 1], b[window + 2]
  b[window + 1], b[window + 2] = slot, 0
  if b[window] == 0 then return end
  local closed = call('HGET', STATE, CLOSED[window] .. id) or ''
  if amount > 0 then closed = closed .. pack('>dd', before, amount) end
  local from, kept = 1, 1
  while from < #closed do
    local s, n = parse('>dd', closed, from)
    if s + 1 + SLOTS[window] > slot then break end
    -- The slots before it had left the window at the last slide.
    if s + 1 + SLOTS[window] > before then b[window] = b[window] - n end
    from = from + 16
    if s + 1 + SLOTS[window] + KEPT[window] <= slot then kept = from end
  end
  writeClosed(id, b, window, closed:sub(kept))
end

-- Where a slot of the day ends, one of the minute ends too.
local function slide(id, b)
  slideWindow(id, b, DAY)
  slideWindow(id, b, MINUTE)
end

-- Counts an amount (negative to correct) in a slot of the day that is still kept. A slot never falls below zero.
local function spend(id, b, slot, amount)
  b[CHANGED] = true
  local now = b[DAY + 1]
  if slot == now then
    local after = max(0, b[DAY + 2] + amount)
    b[DAY] = b[DAY] + after - b[DAY + 2]
    b[DAY + 2] = after
  elseif slot < now and slot + 1 + SLOTS[DAY] + KEPT[DAY] > now then
    local closed = call('HGET', STATE, 'd' .. id) or ''
    local from, s, n = 1, nil, 0
    while from < #closed do
      s, n = parse('>dd', closed, from)
      if s >= slot then break end
      from = from + 16
    end
    local found = from < #closed and s == slot
    local before = found and n or 0
    local after = max(0, before + amount)
    if slot + 1 + SLOTS[DAY] > now then b[DAY] = b[DAY] + after - before end
    local rest = closed:sub(found and from + 16 or from)
    writeClosed(id, b, DAY, closed:sub(1, from - 1) .. pack('>dd', slot, after) .. rest)
  end
end

-- A calendar cap is a list: its time zone, its amount, when the day began, when it ends. dayStart, dayEnd and
-- tighterDays compute what the functions of those names in windows.ts do.
local function dayStart(cap)
  if at >= cap[4] then return max(cap[4], at - MAX_DAY_MS) end
  return at >= cap[3] and cap[3] or at - MAX_DAY_MS
end

local function dayEnd(cap)
  if at < cap[3] then return cap[3] end
  return at < cap[4] and cap[4] or max(cap[4] + DAY_MS, at)
end

-- The tighter amount of each calendar, on the later of two days that have begun.
local function tighterDays(some, others)
  local caps, wall = { unpack(some) }, at - ahead
  for _, cap in ipairs(others) do
    local place = #caps + 1
    for i, each in ipairs(caps) do
      if each[1] == cap[1] then place = i end
    end
    local same = caps[place] or cap
    local day, other = cap, same
    if same[4] >= cap[4] then day, other = same, cap end
    if day[3] > wall then day = other end
    caps[place] = { cap[1], min(same[2], cap[2]), day[3], day[4] }
  end
  return caps
end

-- The calendar caps that hold for a budget: the caller's, and those that live owners declared. Their days are then in
-- the ledger's time.
local function calendarCaps(id, b, claimed)
  local declared = b[CALENDARS] > 0 and call('HGET', STATE, 'k' .. id)
  local caps = tighterDays(claimed or {}, declared and cjson.decode(declared) or {})
  if ahead == 0 then return caps end
  for i, cap in ipairs(caps) do caps[i] = { cap[1], cap[2], cap[3] + ahead, cap[4] + ahead } end
  return caps
end

-- What was counted in the slot of a moment and after it. The sum of the closed slots is cached until one of them
-- changes.
local function sumSince(id, b, from)
  local beginning, sum = daySlotOf(from), nil
  local known = call('HGET', STATE, 's' .. id)
  local sums = known and cmsgpack.unpack(known) or {}
  for i = 1, #sums, 2 do
    if sums[i] == beginning then sum = sums[i + 1] end
  end
  if not sum then
    local closed = call('HGET', STATE, 'd' .. id) or ''
    sum = 0
    for place = #closed - 15, 1, -16 do
      local s, n = parse('>dd', closed, place)
      if s < beginning then break end
      sum = sum + n
    end
    if #sums >= 8 then sums = {} end
    sums[#sums + 1], sums[#sums + 2] = beginning, sum
    call('HSET', STATE, 's' .. id, cmsgpack.pack(sums))
  end
  return b[DAY + 1] >= beginning and sum + b[DAY + 2] or sum
end

-- The first calendar cap that an amount would exceed, or nil. Stores in each cap, as its fifth item, what counts for
-- it.
local function exceededCap(id, b, caps, amount)
  for _, cap in ipairs(caps) do
    cap[5] = sumSince(id, b, dayStart(cap)) + b[RESERVED]
    if cap[5] + amount > cap[2] then return cap end
  end
end

-- Adds the alerts of a budget's calendar days to a reply, and the time at which each was given to 'alerted'.
local function alertDays(budget, caps, amount, place, thresholds, alerted, reply)
  local past
  for _, cap in ipairs(caps) do
    for i, threshold in ipairs(thresholds) do
      if cap[5] + amount + 1e-6 < threshold * cap[2] then break end
      past = past or alerted[budget] or cjson.decode(call('HGET', STATE, 'l' .. budget) or '{}')
      local name = string.format('%.17g ', threshold) .. cap[1]
      if not past[name] or past[name] < dayStart(cap) then
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

-- Expires the reservations whose deadline has passed: their amounts count as spent from then on.
local function expire()
  local ids = call('ZRANGEBYSCORE', OPEN, '-inf', at, 'LIMIT', 0, BATCH)
  for _, id in ipairs(ids) do
    local record = call('HGET', STATE, 'r' .. id)
    local _, deadline, _, amount, _, _, path = readRecord(record)
    for _, budget in ipairs(path) do
      local b = current(budget)
      b[RESERVED] = b[RESERVED] - amount
      b[ACTIVE] = b[ACTIVE] - 1
      b[UNSURE] = b[UNSURE] + amount
      b[SOLVES] = b[SOLVES] + 1
      spend(budget, b, daySlotOf(countsFrom(deadline)), amount)
    end
    write('r' .. id, 'L' .. record:sub(2))
    call('ZADD', OLD, slotExpiresAt(DAY, daySlotOf(countsFrom(deadline))), 'r' .. id)
  end
  if #ids > 0 then call('ZREM', OPEN, unpack(ids)) end
  local next = call('ZRANGE', OPEN, 0, 0, 'WITHSCORES')
  due = tonumber(next[2]) or NONE
end

-- Whether two lists of calendar caps are equal, whatever day they state.
local function sameDays(some, others)
  local amounts = {}
  for _, cap in ipairs(some) do amounts[cap[1]] = cap[2] end
  for _, cap in ipairs(others) do
    if amounts[cap[1]] ~= cap[2] then return false end
  end
  return #some == #others
end

-- Recomputes what live owners declare. For an owner that registers: also for which of its budgets they differ, each
-- with an owner that declares other limits (the last to end), with in how long its lease ends, and how long that is.
local function redeclare(mine)
  local live = call('ZRANGEBYSCORE', OWNERS, '(' .. at, '+inf', 'WITHSCORES')
  leases = tonumber(live[2]) or NONE
  local tightest, differing, others = {}, {}, {}
  for i = 1, #live, 2 do
    local owner = call('HGET', STATE, 'o' .. live[i])
    local read = owner and cjson.decode(owner) or { 0, {} }
    for _, declared in ipairs(read[2]) do
      local budget = declared[1]
      local t = tightest[budget] or { NONE, NONE, NONE, {} }
      tightest[budget] = t
      local own = mine and mine[budget]
      local days = declared[5] or {}
      local differs = own and not sameDays(own[5] or {}, days)
      for k = 1, 3 do
        local limit = declared[k + 1] or NONE
        t[k] = min(t[k], limit)
        differs = differs or own and (own[k + 1] or NONE) ~= limit
      end
      t[4] = tighterDays(t[4], days)
      -- Live owners are in the order in which they end.
      if differs then differing[budget], others[budget] = t, { live[i], live[i + 1] - at, read[1] } end
    end
  end
  for _, budget in ipairs(cjson.decode(call('HGET', STATE, 'c') or '[]')) do
    tightest[budget] = tightest[budget] or { NONE, NONE, NONE, {} }
  end
  local limited = {}
  for budget, t in pairs(tightest) do
    local b = current(budget)
    if b[PER_DAY] ~= t[1] or b[PER_MINUTE] ~= t[2] or b[CONCURRENT] ~= t[3] or b[CALENDARS] ~= #t[4] then
      b[PER_DAY], b[PER_MINUTE], b[CONCURRENT], b[CALENDARS] = t[1], t[2], t[3], #t[4]
      b[CHANGED] = true
    end
    if #t[4] > 0 then write('k' .. budget, cjson.encode(t[4])) end
    if min(t[1], t[2], t[3]) < NONE or #t[4] > 0 then limited[#limited + 1] = budget end
  end
  write('c', #limited > 0 and cjson.encode(limited) or '[]')
  return differing, others
end

-- The live owner that declares a limit of a budget; of several, the last to end. With in how long its lease ends, and
-- how long that is. The limit has place k among those declared; zone is the time zone of a calendar's day.
local function declarer(budget, k, zone, limit)
  local live = call('ZREVRANGEBYSCORE', OWNERS, '+inf', '(' .. at, 'WITHSCORES')
  for i = 1, #live, 2 do
    local owner = call('HGET', STATE, 'o' .. live[i])
    local read = owner and cjson.decode(owner) or { 0, {} }
    for _, declared in ipairs(read[2]) do
      if declared[1] == budget then
        local found = zone == '' and declared[k] == limit
        for _, cap in ipairs(zone ~= '' and declared[5] or {}) do
          found = found or cap[1] == zone and cap[2] == limit
        end
        if found then return live[i], live[i + 1] - at, read[1] end
      end
    end
  end
  return '', 0, 0
end

-- A lease has ended, if it was not renewed meanwhile.
local function endLeases()
  local dead = call('ZRANGEBYSCORE', OWNERS, leases, at, 'LIMIT', 0, 1)
  if #dead > 0 then return redeclare() end
  local next = call('ZRANGEBYSCORE', OWNERS, '(' .. at, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  leases = tonumber(next[2]) or NONE
end

-- Whether a budget can be forgotten: nothing of it counts any more, and nothing holds for it.
local function isIdle(id)
  local b = current(id)
  if b[ACTIVE] > 0 or b[DAY] > 0 or b[MINUTE] > 0 or b[PAUSED] > 0 then return false end
  if min(b[PER_DAY], b[PER_MINUTE], b[CONCURRENT]) < NONE or b[CALENDARS] > 0 then return false end
  -- What no longer counts in any 24 hours may count in a calendar day.
  local closed = call('HGET', STATE, 'd' .. id) or ''
  if #closed > 0 and parse('>d', closed, #closed - 15) + 1 + SLOTS[DAY] + KEPT[DAY] > b[DAY + 1] then return false end
  for _, given in pairs(cjson.decode(call('HGET', STATE, 'l' .. id) or '{}')) do
    if at < given + MAX_DAY_MS then return false end
  end
  return true
end

-- Deletes reservations, with their tasks and alerts.
local function forget(ids)
  if #ids == 0 then return end
  local fields = {}
  for i, id in ipairs(ids) do
    fields[3 * i - 2], fields[3 * i - 1], fields[3 * i] = 'r' .. id, 't' .. id, 'g' .. id
  end
  call('HDEL', STATE, unpack(fields))
  call('ZREM', TASKS, unpack(ids))
end

-- Deletes the reservations that were settled a while ago: no call repeats their settlement any more.
local function forgetSettled()
  local fields, ids = {}, {}
  for n = first, min(last, first + BATCH) - 1 do fields[#fields + 1] = 'q' .. n end
  local queue = #fields > 0 and call('HMGET', STATE, unpack(fields)) or {}
  for i, id in ipairs(queue) do
    if at < parse('>d', call('HGET', STATE, 'r' .. id), 2) + KEPT_MS then break end
    ids[i] = id
  end
  if #ids > 0 then call('HDEL', STATE, unpack(fields, 1, #ids)) end
  forget(ids)
  first = first + #ids
  return #ids
end

-- Deletes a part of what is past.
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
    elseif kind == 'x' then
      fields[#fields + 1] = member
    elseif isIdle(name) then
      for _, letter in ipairs({ 'a', 'd', 'n', 'l', 'p', 'k', 's' }) do fields[#fields + 1] = letter .. name end
      budgets[name] = nil
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
  if #fields > 0 then call('HDEL', STATE, unpack(fields)) end
  if #named > 0 then call('ZREM', NAMES, unpack(named)) end
  if #gone > 0 then call('ZREM', OLD, unpack(gone)) end
  -- Soon again if there is more.
  sweepAt = at + (max(#members, forgetSettled()) == BATCH and SWEEP_SOON_MS or SWEEP_MS)
end

-- Carries out what time alone does, a bounded part of it: no call may block the server for long.
local function passTime()
  if at >= due then expire() end
  if at >= leases then endLeases() end
  if at >= sweepAt then sweep() end
  commit()
end

-- The fields with that prefix. No text has a byte 255.
local function fieldsWithPrefix(beginning)
  return call('ZRANGEBYLEX', NAMES, '[' .. beginning, '[' .. beginning .. '\\255')
end

local function includes(list, wanted)
  for _, each in ipairs(list) do
    if each == wanted then return true end
  end
  return false
end

-- When at least 'excess' of what a window counts no longer counts.
local function goneAt(budget, b, window, excess)
  local closed = call('HGET', STATE, CLOSED[window] .. budget) or ''
  local gone, from = 0, 1
  while from < #closed do
    local s, n = parse('>dd', closed, from)
    if s + 1 + SLOTS[window] > b[window + 1] then gone = gone + n end
    if gone >= excess then return slotExpiresAt(window, s) end
    from = from + 16
  end
  if gone + b[window + 2] >= excess then return slotExpiresAt(window, b[window + 1]) end
end

-- The n-th deadline, from the earliest, among the open reservations of a budget. It reads a thousand reservations at
-- most: if there are more, it returns the last of those, before which there is no capacity either.
local function nthDeadline(budget, n)
  local latest = NONE
  for from = 0, 900, 100 do
    local ids = call('ZRANGE', OPEN, from, from + 99, 'WITHSCORES')
    if #ids == 0 then return NONE end
    for i = 1, #ids, 2 do
      local _, deadline, _, _, _, _, path = readRecord(call('HGET', STATE, 'r' .. ids[i]))
      latest = deadline
      if includes(path, budget) then n = n - 1 end
      if n == 0 then return deadline end
    end
  end
  return latest
end

-- The first moment at which no budget of the path refuses any more, or nil where time alone changes nothing.
local function capacityAt(path, amount)
  local freeAt = at
  for _, claim in ipairs(path) do
    local budget = claim[1]
    local b = current(budget)
    local perDay, perMinute, concurrent =
      min(claim[2] or NONE, b[PER_DAY]), min(claim[3] or NONE, b[PER_MINUTE]), min(claim[4] or NONE, b[CONCURRENT])
    if perDay < amount or perMinute < 1 or concurrent < 1 or b[PAUSED] > 0 then return nil end
    local excess = b[DAY] + b[RESERVED] + amount - perDay
    if excess > 0 then freeAt = max(freeAt, goneAt(budget, b, DAY, excess) or nthDeadline(budget, 1)) end
    for _, cap in ipairs(calendarCaps(budget, b, claim[6])) do
      if cap[2] < amount then return nil end
      local spent = sumSince(budget, b, dayStart(cap))
      local over = spent + b[RESERVED] + amount - cap[2]
      if over > 0 then freeAt = max(freeAt, spent >= over and dayEnd(cap) or nthDeadline(budget, 1)) end
    end
    local overRate = b[MINUTE] + 1 - perMinute
    if overRate > 0 then freeAt = max(freeAt, goneAt(budget, b, MINUTE, overRate) or at) end
    local overActive = b[ACTIVE] + 1 - concurrent
    if overActive > 0 then freeAt = max(freeAt, nthDeadline(budget, overActive)) end
  end
  return freeAt < NONE and freeAt or nil
end

return {
  compareClocks = compareClocks,
  beginDoubt = beginDoubt,
  countsFrom = countsFrom,
  slide = slide,
  spend = spend,
  slotExpiresAt = slotExpiresAt,
  daySlotOf = daySlotOf,
  readRecord = readRecord,
  redeclare = redeclare,
  declarer = declarer,
  passTime = passTime,
  fieldsWithPrefix = fieldsWithPrefix,
  includes = includes,
  goneAt = goneAt,
  capacityAt = capacityAt,
  calendarCaps = calendarCaps,
  exceededCap = exceededCap,
  alertDays = alertDays,
  dayStart = dayStart,
  dayEnd = dayEnd,
  sumSince = sumSince,
}
end
`
