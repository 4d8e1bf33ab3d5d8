-- Begins scripts that must answer a repeated call as they answered the first.
--
-- KEYS  1 the caller's lane
-- ARGV  1 number of the call, which grows within the lane  2 ms to keep the lane
--
-- A lane has one call under way at a time, so one key a lane suffices: it
-- holds the number of the last call and, behind it, its answer if that was not
-- empty. A call of a lower number was given up by its caller. It is written at
-- the end: of a script that fails half way a repeated call tells the error, too.
local call = tonumber(ARGV[1])
local before = redis.call('GET', KEYS[1])
if before then
  local last, answer = string.match(before, '^(%d+) ?(.*)$')
  last = tonumber(last)
  if last and last > call then return redis.error_reply('STALE call ' .. ARGV[1] .. ' of a lane that is at ' .. last) end
  if last == call then return answer end
end
local function answered(text)
  redis.call('SET', KEYS[1], text == '' and ARGV[1] or ARGV[1] .. ' ' .. text, 'PX', ARGV[2])
  return text
end
