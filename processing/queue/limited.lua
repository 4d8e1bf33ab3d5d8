-- Reads from a queue that has a limit of its rate.
--
-- KEYS  1 state of the queue  2… streams
-- ARGV  1 group  2 consumer, then for each stream how many entries at most
-- The state's fields are those of control.lua. Returns what XREADGROUP does, an
-- array even if it is empty.
local s = redis.call('HMGET', KEYS[1], 'rate', 'burst', 'tokens', 'at')
local rate, burst, tokens, at = tonumber(s[1] or 0), tonumber(s[2] or 1), tonumber(s[3] or 0), tonumber(s[4] or 0)
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local limited = rate > 0
if limited then tokens = math.min(burst, tokens + math.max(0, now - at) * rate / 1000) end
local out, read = {}, 0
for i = 2, #KEYS do
  local n = tonumber(ARGV[i + 1])
  if limited then n = math.min(n, math.floor(tokens) - read) end
  if n > 0 then
    local r = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', n, 'STREAMS', KEYS[i], '>')
    if r then
      out[#out + 1] = r[1]
      read = read + #r[1][2]
    end
  end
end
if limited then redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens - read), 'at', now) end
return out
