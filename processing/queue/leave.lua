-- Takes consumers out of a group that own nothing: one that leaves, or such
-- as have not been heard of for long.
--
-- KEYS  a stream
-- ARGV  1 group, then for each consumer: name, ms
-- A consumer that still owns entries stays, since they would go with it.
local gone = 0
for i = 2, #ARGV, 2 do
  local r = redis.pcall('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])
  if r.err then return gone end
  for _, x in ipairs(r) do
    local name, pending, idle
    for f = 1, #x, 2 do
      if x[f] == 'name' then name = x[f + 1] elseif x[f] == 'pending' then pending = x[f + 1]
      elseif x[f] == 'idle' then idle = x[f + 1] end
    end
    if name == ARGV[i] and pending == 0 and idle >= tonumber(ARGV[i + 1]) then
      redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], name)
      gone = gone + 1
    end
  end
end
return gone
