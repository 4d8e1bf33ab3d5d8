-- Renews leases of deliveries that are still this consumer's.
--
-- KEYS  streams
-- ARGV  1 group  2 consumer, then a run for each stream:
--       stream's number, first, last, n, n × entry
-- Returns the lost ones: for each the stream's number and the entry.
local group, me = ARGV[1], ARGV[2]
local i, last, lost = 3, #ARGV, {}
while i <= last do
  local number, first, to, n = ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3])
  local key, own, from, step = KEYS[tonumber(number)], {}, first, 1000
  repeat
    local r = redis.pcall('XPENDING', key, group, from, to, step, me)
    if r.err then
      if not string.find(r.err, 'NOGROUP', 1, true) then return r end
      r = {}
    end
    for j = 1, #r do own[r[j][1]] = true end
    if #r > 0 then from = '(' .. r[#r][1] end
  until #r < step
  local entries = {}
  for j = i + 4, i + 3 + n do
    if own[ARGV[j]] then
      entries[#entries + 1] = ARGV[j]
    else
      lost[#lost + 1] = number
      lost[#lost + 1] = ARGV[j]
    end
  end
  for j = 1, #entries, 1000 do
    local c = {'XCLAIM', key, group, me, 0}
    for k = j, math.min(j + 999, #entries) do c[#c + 1] = entries[k] end
    c[#c + 1] = 'JUSTID'
    redis.call(unpack(c))
  end
  i = i + 4 + n
end
return lost
