-- Decides as ratelimit.Account does. All numbers are whole and below 2^53, which Lua's can hold; times are microseconds
-- since 1970 by this server's clock. A count is kept as {latest, …}: the latest time seen, and
--   strict, concurrency   cell, units, cell, units, … the oldest first
--   token bucket          when it is full again
--   calendar              the start of its period, units, its end
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
    l.interval = read()
    l.depth = cost(l, l.max)
  elseif l.kind == calendar then
    for i = 1, 4 do l[i] = read() end
  elseif l.kind ~= unlimited then
    l.step = read()
  end
  return l
end

-- used drops cells that count no more and returns the units of the others.
local function used(l, s, now)
  local oldest, units, n = floor(now / l.step) - cells, 0, 2
  for i = 2, #s, 2 do
    if s[i] >= oldest then
      s[n], s[n + 1], units, n = s[i], s[i + 1], units + s[i + 1], n + 2
    end
  end
  for i = #s, n, -1 do s[i] = nil end
  return units
end

-- clip makes a bucket no emptier than empty, from now on, and says whether it was.
local function clip(l, s, now)
  if l.interval == 0 or (s[2] or 0) <= now + l.depth then return false end
  s[1], s[2] = now, now + l.depth
  return true
end

local function full(s, now) return max(s[2] or 0, now) end

-- room returns how many units fit into a bucket that is full again at an instant.
local function room(l, at, now)
  return l.interval > 0 and floor(max(now + l.depth - at, 0) * 1000 / l.interval) or 0
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

local function counted(l, s) return s[2] == l.start and s[3] or 0 end

local function left(l, s, now)
  if l.kind == bucket then return room(l, full(s, now), now) end
  if l.kind == calendar then return max(l.max - counted(l, s), 0) end
  if l.kind == unlimited then return l.max end
  return max(l.max - used(l, s, now), 0)
end

-- free returns how many units a take would get. A bucket grants more than least only where that leaves them all of lapse.
local function free(l, s, now, n, least, lapse)
  local units = min(left(l, s, now), n)
  if l.kind == bucket and units > least then
    units = max(min(units, room(l, max(full(s, now), now + lapse), now)), least)
  end
  return units
end

local function freed(l, cell) return (cell + cells + 1) * l.step end

-- retry returns after how long least units are free, which they are not now.
local function retry(l, s, now, least)
  if least > l.max then return never end
  if l.kind == concurrency then return unknown end
  if l.kind == bucket then return full(s, now) + cost(l, least) - l.depth - now end
  if l.kind == calendar then return l.stop - now end
  local units = used(l, s, now)
  for i = 2, #s, 2 do
    units = units - s[i + 1]
    if units + least <= l.max then return freed(l, s[i]) - now end
  end
  return never
end

-- charge counts units and returns for how long they may be given out; leased says whether they wait for who needs them.
local function charge(l, s, now, units, lapse, leased)
  if l.kind == calendar then
    s[2], s[3], s[4] = l.start, counted(l, s) + units, l.stop
    return min(lapse, l.stop - now)
  elseif l.kind == bucket then
    local from = full(s, now)
    if leased then
      lapse = min(lapse, max(l.depth - cost(l, units), 0))
      from = max(from, now + lapse)
    end
    s[2] = from + cost(l, units)
    return lapse
  elseif l.kind == concurrency then
    lapse = 0
  end
  local cell, i = floor((now + lapse) / l.step), #s + 1
  while i > 2 and s[i - 2] > cell do i = i - 2 end
  if i > 2 and s[i - 2] == cell then
    s[i - 1] = s[i - 1] + units
  else
    table.insert(s, i, units)
    table.insert(s, i, cell)
  end
  return lapse
end

local function give_back(l, s, now, n, taken, lapse)
  if l.kind == bucket then
    local back = cost(l, n) - (now - taken)
    if back > 0 then s[2] = max(full(s, now) - back, now) end
  elseif l.kind == calendar then
    if taken >= l.start and s[2] == l.start then s[3] = max(s[3] - n, 0) end
  else
    if l.kind ~= concurrency then taken = taken + lapse end
    used(l, s, now)
    for i = 2, #s, 2 do
      if s[i] == floor(taken / l.step) then s[i + 1] = max(s[i + 1] - n, 0) end
    end
  end
end

-- expires returns from when on a count is the same as none.
local function expires(l, s)
  if l.kind == bucket then return s[2] or 0 end
  if l.kind == calendar then return s[4] or 0 end
  return l.kind ~= unlimited and #s > 2 and freed(l, s[#s - 1]) or 0
end

local function reset(l, s, now)
  if l.kind == unlimited then return 0 end
  if l.kind == bucket then return l.interval > 0 and full(s, now) - now or 0 end
  if l.kind == calendar then return counted(l, s) > 0 and l.stop - now or 0 end
  return used(l, s, now) > 0 and expires(l, s) - now or 0
end

local limits = {}
for i = 1, read() do
  limits[i] = read_limit()
end
local raw = redis.call('MGET', unpack(KEYS))
local states, changed, output = {}, {}, {}

local function settle(kind, n, least, lapse, taken, ls, ss, ks)
  local now, count = server, #ls
  for i = 1, count do now = max(now, ss[i][1]) end
  for i = 1, count do
    if ls[i].kind == calendar and not period(ls[i], ss[i], now) then return {2, 0, i - 1, 0, 0, 0, 0, now} end
    if ls[i].kind == bucket and clip(ls[i], ss[i], now) then changed[ks[i]] = ls[i] end
  end
  local asks, units, granted, index, wait = kind == take or kind == peek, n, 0, 1, -1
  if asks then
    for i = 1, count do
      local may = free(ls[i], ss[i], now, n, least, lapse)
      local after = may < least and retry(ls[i], ss[i], now, least) or -1
      if after > wait then index, wait = i, after end
      units = min(units, may)
    end
    granted = units >= least and 1 or 0
    if granted == 1 or wait >= unknown then wait = 0 end
  end
  if kind ~= take or granted == 0 then units = 0 end
  local lasts = lapse
  for i = 1, count do
    local s = ss[i]
    if ls[i].kind == unlimited and kind <= refund then
      -- counts nothing, and what another limit counted there stays
    elseif units > 0 then
      s[1], changed[ks[i]] = now, ls[i]
      lasts = min(lasts, charge(ls[i], s, now, units, lapse, n > least))
    elseif kind == refund then
      s[1], changed[ks[i]] = now, ls[i]
      give_back(ls[i], s, now, n, taken, lapse)
    elseif kind > refund then
      for j = #s, 2, -1 do s[j] = nil end
      changed[ks[i]] = ls[i]
    end
  end
  local remaining, after = -1, 0
  for i = 1, count do
    local rest = left(ls[i], ss[i], now)
    local refused = asks and granted == 0
    if refused and i == index or not refused and (remaining < 0 or rest < remaining) then
      index, remaining = i, rest
    end
    after = max(after, reset(ls[i], ss[i], now))
  end
  return {granted, units, index - 1, remaining, max(wait, 0), after, lasts, now}
end

for _ = 1, read() do
  local kind, n, least, lapse, taken = read(), read(), read(), read(), read()
  local ls, ss, ks = {}, {}, {}
  for i = 1, read() do
    local k = read()
    states[k] = states[k] or raw[k] and cmsgpack.unpack(raw[k]) or {0}
    ks[i], ss[i], ls[i] = k, states[k], limits[read()]
  end
  for _, v in ipairs(settle(kind, n, least, lapse, taken, ls, ss, ks)) do output[#output + 1] = v end
end

for k, l in pairs(changed) do
  local ms = ceil((expires(l, states[k]) - server) / 1000)
  if ms > 0 then
    redis.call('SET', KEYS[k], cmsgpack.pack(states[k]), 'PX', ms + spare)
  else
    redis.call('DEL', KEYS[k])
  end
end
return cmsgpack.pack(output)
