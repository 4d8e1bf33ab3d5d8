-- Cancels a task, or takes tokens of a limited queue. KEYS and ARGV: once.lua's, then
--   cancel  KEYS 2 cancellations  3 state of the task  4 its unique key
--                then for each queue: delay, body, dlq, state of the queue
--           ARGV 4 id  5 ms to remember it  6 ms to keep the state
--           Returns removed (it was delayed), ended (it is over) or marked.
--   take    KEYS 2 state of the queue   ARGV 4 how many, negative: give back
--           Returns "granted wait", wait being the ms until there is one more.
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

local function take(n)
  local s = redis.call('HMGET', KEYS[2], 'rate', 'burst', 'tokens', 'at')
  if not s[1] then return math.max(n, 0) .. ' 0' end
  local rate, burst = tonumber(s[1]), tonumber(s[2])
  local tokens = math.min(burst, s[3] + math.max(0, now - s[4]) * rate / 1000)
  local granted = math.min(n, math.floor(tokens))
  tokens = math.min(burst, tokens - granted)
  redis.call('HSET', KEYS[2], 'tokens', string.format('%.6f', tokens), 'at', now)
  return math.max(granted, 0) .. ' ' .. (tokens >= 1 and 0 or math.ceil((1 - tokens) / rate * 1000))
end

local function limit(rate, burst)
  if tonumber(rate) == 0 then
    redis.call('HDEL', KEYS[2], 'rate', 'burst', 'tokens', 'at')
  else
    redis.call('HSET', KEYS[2], 'rate', rate, 'burst', burst, 'tokens', burst, 'at', now)
  end
  return ''
end

local op = ARGV[3]
if op == 'cancel' then return answered(cancel()) end
if op == 'take' then return answered(take(tonumber(ARGV[4]))) end
return answered(limit(ARGV[4], ARGV[5]))
