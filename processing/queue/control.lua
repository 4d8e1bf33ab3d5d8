-- Cancels a task, or limits a queue. KEYS and ARGV: once.lua's, then
--   cancel  KEYS 2 cancellations  3 state of the task  4 its unique key
--                then for each queue: delay, body, dlq, state of the queue
--           ARGV 4 id  5 ms to remember it  6 ms to keep the state
--                7 dead letters that may lie in one stream, -1: any number
--           Returns removed (it was delayed), ended (it is over) or marked.
--   limit   KEYS 2 state of the queue   ARGV 4 rate a second, 0: none  5 burst
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- remove takes a delayed task out and makes it a dead letter.
local function remove(i)
  local id, body = ARGV[4], redis.call('HGET', KEYS[i + 1], ARGV[4])
  if redis.call('ZREM', KEYS[i], id) == 0 or not body then return false end
  redis.call('HDEL', KEYS[i + 1], id)
  local n, at = string.match(body, '^(%d+):()')
  local t, d = string.sub(body, at, at + n - 1), string.sub(body, at + n)
  local from = ({n = 'normal', c = 'critical', h = 'high', b = 'bulk'})[string.sub(t, 2, 2)]
  redis.call('XADD', KEYS[i + 2], '*', 'why', 'canceled', 'err', '', 'from', from or '', 't', t, 'd', d)
  local most = tonumber(ARGV[7])
  if most >= 0 and redis.call('XLEN', KEYS[i + 2]) > most then
    redis.call('HINCRBY', KEYS[i + 3], 'dropped', redis.call('XTRIM', KEYS[i + 2], 'MAXLEN', most))
  end
  redis.call('HINCRBY', KEYS[i + 3], 'canceled', 1)
  if redis.call('GET', KEYS[4]) == id then redis.call('DEL', KEYS[4]) end
  if redis.call('EXISTS', KEYS[3]) == 1 then
    redis.call('HSET', KEYS[3], 's', 'canceled', 'at', now)
    redis.call('PEXPIRE', KEYS[3], ARGV[6])
  end
  return true
end

local function cancel()
  for i = 5, #KEYS, 4 do
    if remove(i) then return 'removed' end
  end
  local state = redis.call('HGET', KEYS[3], 's')
  if state == 'done' or state == 'dead' or state == 'canceled' then return 'ended' end
  redis.call('ZADD', KEYS[2], now + ARGV[5], ARGV[4])
  return 'marked'
end

local function limit(rate, burst)
  if tonumber(rate) == 0 then
    redis.call('HDEL', KEYS[2], 'rate', 'burst', 'tokens', 'at')
  else
    redis.call('HSET', KEYS[2], 'rate', rate, 'burst', burst, 'tokens', burst, 'at', now)
  end
  return ''
end

if ARGV[3] == 'cancel' then return answered(cancel()) end
return answered(limit(ARGV[4], ARGV[5]))
