-- Gives deliveries back that were not begun: any consumer may take them at
-- once, and this delivery does not count as an attempt.
--
-- KEYS  streams
-- ARGV  1 group  2 consumer  3 name of the consumer that released entries belong
--       to  4 their idle time, past any lease, ms, then a run for each stream:
--       stream's number, n, n × entry
-- An entry that is not this consumer's is left alone, so a repeated call
-- changes nothing.
local group, me, shelf, idle = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local i, last, released = 5, #ARGV, 0
while i <= last do
  local key, n = KEYS[tonumber(ARGV[i])], tonumber(ARGV[i + 1])
  for j = i + 2, i + 1 + n do
    local r = redis.pcall('XPENDING', key, group, ARGV[j], ARGV[j], 1, me)
    if r.err then
      if not string.find(r.err, 'NOGROUP', 1, true) then return r end
    elseif r[1] then
      redis.call('XCLAIM', key, group, shelf, 0, ARGV[j], 'IDLE', idle,
        'RETRYCOUNT', math.max(r[1][4] - 1, 0), 'JUSTID')
      released = released + 1
    end
  end
  i = i + 2 + n
end
return released
