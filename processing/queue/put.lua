-- Puts tasks into their streams and among the delayed.
--
-- Tasks stand in runs, each of which begins with its kind, two indexes into
-- KEYS and a number n:
--   s stream 0 n    n × (header, payload)        tasks of generated IDs, ready
--   d delay body n  n × (id, due, header, payload)   the same, for later
--   x stream 0 1 or x delay body 1   one task that needs more:
--     id, due or '', header, payload, receipt's index or 0, ms to keep it,
--     unique key's index or 0, ms it holds, state's index or 0, ms to keep it,
--     queue
-- A run is taken whole or not at all: not if its stream or set would hold more
-- than maxlen tasks. out gets "F run" for those, "E run id" for a task that was
-- there before, id being its own or that of the holder of its unique key.
--
-- Among the delayed a task is one string: length of its header in decimal, a
-- colon, header, payload.
local out, room = {}, {}

-- fits asks even where there is no limit: a key of another type is an error
-- before anything is written.
local function fits(key, delayed, n, maxlen)
  local have = room[key] or redis.call(delayed and 'ZCARD' or 'XLEN', key)
  room[key] = have
  if maxlen >= 0 and have + n > maxlen then return false end
  room[key] = have + n
  return true
end

local function later(delay, body, id, due, t, d)
  if redis.call('HSETNX', body, id, #t .. ':' .. t .. d) == 0 then return false end
  redis.call('ZADD', delay, due, id)
  return true
end

-- place puts the task at ARGV[i] where it belongs, if its unique key is free.
-- It returns the ID of the one that is in its way, and whether that is another.
local function place(i, key, body, unique)
  local id = ARGV[i]
  local holder = unique and redis.call('SET', unique, id, 'NX', 'PX', ARGV[i + 7], 'GET')
  if holder then return holder, true end
  if not body then
    redis.call('XADD', key, '*', 't', ARGV[i + 2], 'd', ARGV[i + 3])
  elseif not later(key, body, id, ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]) then
    return id
  end
end

-- special puts the task at ARGV[i] and returns the ID of the one that is in its
-- way. One that could not be put leaves nothing that says it was.
local function special(i, key, body)
  local id = ARGV[i]
  local receipt, unique, state = KEYS[tonumber(ARGV[i + 4])], KEYS[tonumber(ARGV[i + 6])], KEYS[tonumber(ARGV[i + 8])]
  if receipt and not redis.call('SET', receipt, '1', 'NX', 'PX', ARGV[i + 5]) then return id end
  local ok, there, other = pcall(place, i, key, body, unique)
  if receipt and (other or not ok) then redis.call('DEL', receipt) end
  if not ok then
    if unique and redis.pcall('GET', unique) == id then redis.call('DEL', unique) end
    error(there, 0)
  end
  if there then return there end
  if state then
    redis.call('HSET', state, 's', body and 'delayed' or 'waiting', 'q', ARGV[i + 10])
    redis.call('PEXPIRE', state, ARGV[i + 9])
  end
end

local function put(i, maxlen)
  local run, last = 0, #ARGV
  while i <= last do
    run = run + 1
    local kind, key, body, n = ARGV[i], KEYS[tonumber(ARGV[i + 1])], KEYS[tonumber(ARGV[i + 2])], tonumber(ARGV[i + 3])
    i = i + 4
    if not fits(key, body, n, maxlen) then
      out[#out + 1] = 'F ' .. run
      i = i + (kind == 's' and 2 * n or kind == 'd' and 4 * n or 11)
    elseif kind == 's' then
      for j = i, i + 2 * n - 1, 2 do
        redis.call('XADD', key, '*', 't', ARGV[j], 'd', ARGV[j + 1])
      end
      i = i + 2 * n
    elseif kind == 'd' then
      for j = i, i + 4 * n - 1, 4 do
        later(key, body, ARGV[j], ARGV[j + 1], ARGV[j + 2], ARGV[j + 3])
      end
      i = i + 4 * n
    else
      local there = special(i, key, body)
      if there then
        room[key] = room[key] and room[key] - 1
        out[#out + 1] = 'E ' .. run .. ' ' .. there
      end
      i = i + 11
    end
  end
  return table.concat(out, '\n')
end
