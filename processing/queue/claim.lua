-- Takes over entries whose owner is as expected and has been silent for long
-- enough.
--
-- KEYS  streams
-- ARGV  1 group  2 consumer, then for each entry:
--       stream's number, entry, owner, ms, number of deliveries afterwards
-- Returns for each entry taken its stream's number, the entry, the number of
-- deliveries, and its fields. What was deleted from the stream leaves the
-- pending list.
local group, me, out = ARGV[1], ARGV[2], {}
for i = 3, #ARGV, 5 do
  local key, entry = KEYS[tonumber(ARGV[i])], ARGV[i + 1]
  local p = redis.call('XPENDING', key, group, 'IDLE', ARGV[i + 3], entry, entry, 1, ARGV[i + 2])
  if p[1] then
    local r = redis.call('XCLAIM', key, group, me, 0, entry, 'RETRYCOUNT', ARGV[i + 4])
    if r[1] and r[1][2] then
      out[#out + 1] = {ARGV[i], entry, ARGV[i + 4], r[1][2]}
    else
      redis.call('XACK', key, group, entry)
    end
  end
end
return out
