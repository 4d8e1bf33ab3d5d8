-- Looks for a task in a stream of ready tasks or of dead letters.
-- KEYS  1 stream
-- ARGV  1 ID as a header has it, its length before it  2 first entry to look at
--       3 how many
-- Returns {entry, fields}, or the last entry looked at, or '' at the end.
local list = redis.call('XRANGE', KEYS[1], ARGV[2], '+', 'COUNT', ARGV[3])
for _, e in ipairs(list) do
  local f = e[2]
  for j = 1, #f, 2 do
    if f[j] == 't' and string.sub(f[j + 1], 5, 4 + #ARGV[1]) == ARGV[1] then return e end
  end
end
if #list < tonumber(ARGV[3]) then return '' end
return list[#list][1]
