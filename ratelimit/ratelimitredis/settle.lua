-- Decides as ratelimit.Account does. All numbers are whole and at most 2^53, which Lua's can hold; times are microseconds
-- since 1970 by this server's clock. A count is kept as {latest, …}: the latest time seen, and
--   strict, concurrency   cell, units, cell, units, … the oldest first
--   token bucket          when it is full again
--   calendar              the start of its period, units, its end
-- What is counted, in the names below, is a number: of a bucket when it is full again, of the others their units.
local floor, ceil, min, max = math.floor, math.ceil, math.min, math.max
local take, peek, refund = 0, 1, 2
local bucket, calendar, concurrency, unlimited = 1, 2, 3, 4
local cells = 23
local unknown, never = 2 ^ 52, 2 ^ 53 -- waits longer than all: nobody can say, and in vain
local input, at = cmsgpack.unpack(ARGV[1]), 0
local function read()
  at = at + 1
  return input[at]
end

-- A test brings its own time, and its counts stay for longer than their time by the clock.
local server, spare = read(), 3600000
if server == 0 then
  local clock = redis.call('TIME')
  server, spare = clock[1] * 1000000 + clock[2], 0
end

local function cost(l, n) return ceil(n * l.interval / 1000) end

local function read_limit()
  local l = {kind = read(), max = read()}
  if l.kind == bucket then
    l.interval = read() -- nanoseconds for a unit; 0 never gains
    l.depth = cost(l, l.max)
  elseif l.kind == calendar then
    for i = 1, 4 do l[i] = read() end
  elseif l.kind ~= unlimited then
    l.step = read()
  end
  return l
end

-- period finds where the period that holds now begins and ends, and says whether it could.
local function period(l, s, now)
  if s[4] and s[2] <= now and now < s[4] then
    l.start, l.stop = s[2], s[4]
    return true
  end
  for i = 1, 3 do
    if l[i] <= now and now < l[i + 1] then
      l.start, l.stop = l[i], l[i + 1]
      return true
    end
  end
  return false
end

-- used drops cells that count no more and returns the units of the others.
local function used(l, s, now)
  local size = #s
  if size == 1 then return 0 end
  local oldest, units, first = floor(now / l.step) - cells, 0, 2
  while first < size and s[first] < oldest do first = first + 2 end
  if first > 2 then
    for i = first, size do s[i + 2 - first] = s[i] end
    for i = size, size + 3 - first, -1 do s[i] = nil end
  end
  for i = 3, size + 2 - first, 2 do units = units + s[i] end
  return units
end

local function counted(l, s, now)
  if l.kind == bucket then return max(s[2] or 0, now) end
  if l.kind == calendar then return s[2] == l.start and s[3] or 0 end
  return l.kind == unlimited and 0 or used(l, s, now)
end

-- room returns how many units fit into a bucket that is full again at an instant.
local function room(l, full, now)
  return l.interval > 0 and floor(max(now + l.depth - full, 0) * 1000 / l.interval) or 0
end

local function left(l, count, now)
  if l.kind == bucket then return room(l, count, now) end
  return count < l.max and l.max - count or 0
end

local function freed(l, cell) return (cell + cells + 1) * l.step end

-- retry returns after how long least units are free, which they are not now.
local function retry(l, s, count, now, least)
  if least > l.max then return never end
  if l.kind == concurrency then return unknown end
  if l.kind == bucket then return count + cost(l, least) - l.depth - now end
  if l.kind == calendar then return l.stop - now end
  for i = 2, #s, 2 do
    count = count - s[i + 1]
    if count + least <= l.max then return freed(l, s[i]) - now end
  end
  return never
end

-- charge counts units and returns what is counted now, and for how long they may be given out. They are leased when they
-- wait for who needs them.
local function charge(l, s, count, now, units, lapse, leased)
  if l.kind == bucket then
    if leased then
      lapse = min(lapse, max(l.depth - cost(l, units), 0))
      count = max(count, now + lapse)
    end
    s[2] = count + cost(l, units)
    return s[2], lapse
  end
  count = count + units
  if l.kind == calendar then
    s[2], s[3], s[4] = l.start, count, l.stop
    return count, min(lapse, l.stop - now)
  elseif l.kind == concurrency then
    lapse = 0
  end
  local cell, size = floor((now + lapse) / l.step), #s
  local i = size + 1
  while i > 2 and s[i - 2] > cell do i = i - 2 end
  if i > 2 and s[i - 2] == cell then
    s[i - 1] = s[i - 1] + units
  else
    for j = size, i, -1 do s[j + 2] = s[j] end
    s[i], s[i + 1] = cell, units
  end
  return count, lapse
end

-- give_back takes n units out of where they were counted, and returns what is counted now.
local function give_back(l, s, count, now, n, taken, lapse)
  if l.kind == bucket then
    local back = cost(l, n) - (now - taken)
    if back > 0 then s[2] = max(count - back, now) end
  elseif l.kind == calendar then
    if taken >= l.start and s[2] == l.start then s[3] = max(s[3] - n, 0) end
  else
    local cell = floor((l.kind == concurrency and taken or taken + lapse) / l.step)
    for i = 2, #s, 2 do
      if s[i] == cell then s[i + 1] = max(s[i + 1] - n, 0) end
    end
  end
  return counted(l, s, now)
end

-- expires returns from when on a count is the same as none.
local function expires(l, s)
  if l.kind == bucket then return s[2] or 0 end
  if l.kind == calendar then return s[4] or 0 end
  return l.kind ~= unlimited and #s > 2 and freed(l, s[#s - 1]) or 0
end

local function reset(l, s, count, now)
  if l.kind == bucket then return l.interval > 0 and count - now or 0 end
  if count == 0 then return 0 end
  return (l.kind == calendar and l.stop or expires(l, s)) - now
end

local limits = {}
for i = 1, read() do limits[i] = read_limit() end
local raw = redis.call('MGET', unpack(KEYS))
local states, changed, output, written = {}, {}, {}, 0
local ends = {} -- the last cells that were read: a count that still ends with the same keeps its time to live

local function answer(granted, units, index, remaining, wait, after, lapse, now)
  local o, n = output, written
  o[n + 1], o[n + 2], o[n + 3], o[n + 4] = granted, units, index - 1, remaining
  o[n + 5], o[n + 6], o[n + 7], o[n + 8] = wait, after, lapse, now
  written = n + 8
end

-- The limits of the operation at hand, their counts, where those are, and what is counted.
local ls, ss, ks, counts = {}, {}, {}, {}

local function settle(kind, n, least, lapse, taken, count)
  local now = server
  for i = 1, count do
    if ss[i][1] > now then now = ss[i][1] end
  end
  for i = 1, count do
    local l, s = ls[i], ss[i]
    if l.kind == calendar and not period(l, s, now) then return answer(2, 0, i, 0, 0, 0, 0, now) end
    -- A bucket is no emptier than empty, from now on.
    if l.kind == bucket and l.interval > 0 and (s[2] or 0) > now + l.depth then
      s[1], s[2], changed[ks[i]] = now, now + l.depth, l
    end
    counts[i] = counted(l, s, now)
  end

  local asks, units, granted, index, wait = kind == take or kind == peek, n, 0, 1, -1
  if asks then
    for i = 1, count do
      local l, may = ls[i], left(ls[i], counts[i], now)
      if l.kind == bucket and units > least and may > least then -- more only where that leaves them all of lapse
        may = max(min(may, room(l, max(counts[i], now + lapse), now)), least)
      end
      if may < least then
        local after = retry(l, ss[i], counts[i], now, least)
        if after > wait then index, wait = i, after end
      end
      if may < units then units = may end
    end
    granted = units >= least and 1 or 0
    if granted == 1 or wait >= unknown then wait = 0 end
  end
  if kind ~= take or granted == 0 then units = 0 end

  local lasts, remaining, after = lapse, -1, 0
  for i = 1, count do
    local l, s = ls[i], ss[i]
    if l.kind == unlimited and kind <= refund then
      -- counts nothing, and what another limit counted there stays
    elseif units > 0 then
      local may
      s[1], changed[ks[i]] = now, l
      counts[i], may = charge(l, s, counts[i], now, units, lapse, n > least)
      if may < lasts then lasts = may end
    elseif kind == refund then
      s[1], changed[ks[i]] = now, l
      counts[i] = give_back(l, s, counts[i], now, n, taken, lapse)
    elseif kind > refund then
      for j = #s, 2, -1 do s[j] = nil end
      changed[ks[i]], counts[i] = l, counted(l, s, now)
    end
    local rest, refused = left(l, counts[i], now), asks and granted == 0
    if refused and i == index or not refused and (remaining < 0 or rest < remaining) then
      index, remaining = i, rest
    end
    local free = reset(l, s, counts[i], now)
    if free > after then after = free end
  end
  answer(granted, units, index, remaining, max(wait, 0), after, lasts, now)
end

for _ = 1, read() do
  local kind, n, least, lapse, taken, count = unpack(input, at + 1, at + 6)
  at = at + 6
  for i = 1, count do
    local k = input[at + 1]
    local s = states[k]
    if not s then
      s = raw[k] and cmsgpack.unpack(raw[k]) or {0}
      states[k], ends[k] = s, raw[k] and s[#s - 1]
    end
    ks[i], ss[i], ls[i] = k, s, limits[input[at + 2]]
    at = at + 2
  end
  settle(kind, n, least, lapse, taken, count)
end

for k, l in pairs(changed) do
  local s = states[k]
  local ms = ceil((expires(l, s) - server) / 1000)
  if l.step and #s > 2 and ends[k] == s[#s - 1] then
    redis.call('SET', KEYS[k], cmsgpack.pack(s), 'KEEPTTL')
  elseif ms > 0 then
    redis.call('SET', KEYS[k], cmsgpack.pack(s), 'PX', ms + spare)
  else
    redis.call('DEL', KEYS[k])
  end
end
return cmsgpack.pack(output)
