-- Finishes a batch of deliveries. Only the owner of an entry may: an entry
-- that is not pending for him is left alone and counted as lost.
--
-- KEYS and ARGV: once.lua's, then
-- KEYS  2 cancellations, then those that the runs name, by number; 0 = none
-- ARGV  3 group  4 consumer  5 dead letters that may lie in one stream, -1: any number,
--       then a run for each stream:
--         stream, state of its queue, class, first, last, after, n, n × entry,
--         m, m × (kind, entry, ID, unique key, state of the task, ms to keep it,
--                 five more)
-- first and last are the lowest and the highest entry of the run, after is what
-- follows last. The n entries are done and need nothing more. Kinds:
--   d result, '', '', '', ''               done, with a state or a unique key
--   r delay, body, ms, header, payload     runs again so many ms from now
--   x dlq, reason, error, header, payload  a dead letter; its header may be empty:
--                                          then payload holds a foreign entry's
--                                          fields, one by one with their lengths
--
-- Whose an entry is costs one call a stream: where this consumer alone has
-- anything pending, XACK's own answer tells it; else the range of his is read.
-- What is finished leaves the stream at once: XTRIM up to the oldest pending
-- entry, which costs next to nothing for neighbours, and XDEL for what is
-- finished behind that, so that one long task pins nothing.
-- Returns how many were lost, '' for none.
local group, me, most, last = ARGV[3], ARGV[4], tonumber(ARGV[5]), #ARGV
local lost, dropped, now = 0, 0, nil

local function clock()
  if not now then
    local t = redis.call('TIME')
    now = t[1] * 1000 + math.floor(t[2] / 1000)
  end
  return now
end

-- missing tells whether a reply says that stream or group is not there: then
-- nothing is pending for anybody.
local function missing(r) return r.err and string.find(r.err, 'NOGROUP', 1, true) end

-- alone tells whether nobody else has anything pending.
local function alone(key)
  local r = redis.pcall('XPENDING', key, group)
  if missing(r) then return true end
  if r.err then error(r.err, 0) end
  return not r[4] or #r[4] == 0 or (#r[4] == 1 and r[4][1][1] == me)
end

-- mine returns the set of this consumer's entries from first to last.
local function mine(key, first, to)
  local own, from, step = {}, first, 1000
  repeat
    local r = redis.call('XPENDING', key, group, from, to, step, me)
    for i = 1, #r do own[r[i][1]] = true end
    if #r > 0 then from = '(' .. r[#r][1] end
  until #r < step
  return own
end

-- owned tells whether one entry is this consumer's.
local function owned(key, entry)
  local r = redis.pcall('XPENDING', key, group, entry, entry, 1, me)
  return not r.err and r[1] ~= nil
end

local function number(text, part)
  return tonumber(string.match(text, part == 1 and '^(%d+)' or '-(%d+)$'))
end

local function below(a, b)
  local x, y = number(a, 1), number(b, 1)
  return x < y or (x == y and number(a, 2) < number(b, 2))
end

-- portions calls a command for the entries, as many at once as Lua can pass;
-- it returns the sum of the answers, 0 where there is no group.
local function portions(entries, ...)
  local sum, command = 0, {...}
  local head = #command
  for j = 1, #entries, 1000 do
    local c = {unpack(command, 1, head)}
    for k = j, math.min(j + 999, #entries) do c[#c + 1] = entries[k] end
    local r = redis.pcall(unpack(c))
    sum = sum + (type(r) == 'number' and r or 0)
  end
  return sum
end

-- remove takes finished entries out of the stream. after is what follows the
-- highest of them, which is known to be finished.
local function remove(key, entries, highest, after)
  if #entries == 0 then return end
  local r = redis.call('XPENDING', key, group, '-', '+', 1)
  local oldest = r[1] and r[1][1]
  redis.call('XTRIM', key, 'MINID', '=', oldest or after)
  if oldest and below(oldest, highest) then portions(entries, 'XDEL', key) end
end

-- note notes the end of a task, where it has a state. A key that something else
-- uses, here and below, is left alone: it must not keep the task from ending.
local function note(i, s, result, err)
  local key = KEYS[tonumber(ARGV[i + 4])]
  if not key then return end
  if type(redis.pcall('HSET', key, 's', s, 'at', clock())) ~= 'number' then return end
  redis.call('HDEL', key, 'p', 'n')
  if result then redis.call('HSET', key, 'v', result) end
  if err then redis.call('HSET', key, 'e', err) end
  redis.call('PEXPIRE', key, ARGV[i + 5])
end

local function release(i)
  local key = KEYS[tonumber(ARGV[i + 3])]
  if key and redis.pcall('GET', key) == ARGV[i + 2] then redis.call('DEL', key) end
end

-- bury adds a dead letter; the eldest makes room for it.
local function bury(dlq, ...)
  redis.call('XADD', dlq, '*', ...)
  if most >= 0 and redis.call('XLEN', dlq) > most then
    dropped = dropped + redis.call('XTRIM', dlq, 'MAXLEN', most)
  end
end

local special = {
  d = function(i)
    note(i, 'done', ARGV[i + 6])
    release(i)
    return 'done'
  end,
  r = function(i)
    local delay, body, t = KEYS[tonumber(ARGV[i + 6])], KEYS[tonumber(ARGV[i + 7])], ARGV[i + 9]
    redis.call('HSET', body, ARGV[i + 2], #t .. ':' .. t .. ARGV[i + 10])
    redis.call('ZADD', delay, clock() + tonumber(ARGV[i + 8]), ARGV[i + 2])
    local key = KEYS[tonumber(ARGV[i + 4])]
    if key and redis.call('EXISTS', key) == 1 and type(redis.pcall('HSET', key, 's', 'retrying')) == 'number' then
      redis.call('HDEL', key, 'p', 'n')
    end
    return 'retried'
  end,
  x = function(i, class)
    local dlq, reason, err, t = KEYS[tonumber(ARGV[i + 6])], ARGV[i + 7], ARGV[i + 8], ARGV[i + 9]
    if t == '' then
      bury(dlq, 'why', reason, 'err', err, 'from', class, 'f', ARGV[i + 10])
    else
      bury(dlq, 'why', reason, 'err', err, 'from', class, 't', t, 'd', ARGV[i + 10])
    end
    local what = reason == 'canceled' and reason or 'dead'
    redis.call('ZREM', KEYS[2], ARGV[i + 2]) -- it has done what it was to do: a replay runs
    note(i, what, nil, err)
    release(i)
    return what
  end,
}

local i = 6
while i <= last do
  local key, state = KEYS[tonumber(ARGV[i])], KEYS[tonumber(ARGV[i + 1])]
  local class, first, highest, after, n = ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5], tonumber(ARGV[i + 6])
  i = i + 7
  local m = tonumber(ARGV[i + n])
  local count = {done = 0, retried = 0, dead = 0, canceled = 0}
  dropped = 0
  local own = not alone(key) and mine(key, first, highest)
  local entries = {}
  for j = i, i + n - 1 do
    if not own or own[ARGV[j]] then entries[#entries + 1] = ARGV[j] end
  end
  local acked = portions(entries, 'XACK', key, group)
  count.done = acked
  local sure = acked == #entries
  i = i + n + 1
  for _ = 1, m do
    if own and own[ARGV[i + 1]] or not own and owned(key, ARGV[i + 1]) then
      -- what may fail goes first: a task is in two places rather than in none
      local what = special[ARGV[i]](i, class)
      redis.call('XACK', key, group, ARGV[i + 1])
      count[what] = count[what] + 1
      acked = acked + 1
      entries[#entries + 1] = ARGV[i + 1]
    end
    i = i + 11
  end
  lost = lost + n + m - acked
  if sure and acked == n + m then
    remove(key, entries, highest, after)
  elseif acked > 0 then
    -- Some were lost. Those which the group has not come to (it was deleted and
    -- made anew) stay; of the others none is pending for anybody else.
    local g = redis.call('XINFO', 'GROUPS', key)
    local read
    for _, x in ipairs(g) do
      local name, id
      for f = 1, #x, 2 do
        if x[f] == 'name' then name = x[f + 1] elseif x[f] == 'last-delivered-id' then id = x[f + 1] end
      end
      if name == group then read = id end
    end
    for _, e in ipairs(entries) do
      if read and not below(read, e) then redis.call('XDEL', key, e) end
    end
  end
  if state then
    for _, what in ipairs({'done', 'retried', 'dead', 'canceled'}) do
      if count[what] > 0 then redis.call('HINCRBY', state, what, count[what]) end
    end
    if dropped > 0 then redis.call('HINCRBY', state, 'dropped', dropped) end
    if n + m > acked then redis.call('HINCRBY', state, 'lost', n + m - acked) end
  end
end
return answered(lost > 0 and tostring(lost) or '')
