-- Gives dead letters back to their streams, or removes them. KEYS and ARGV:
-- once.lua's, then
--   purge   KEYS 2 dead letters   ARGV 4… entries
--   replay  KEYS 2 dead letters  3…6 streams  7 cancellations, then what the
--                indexes name
--           ARGV 4… for each: entry, new header, stream's index, unique key's
--                index or 0, ms it holds, state's index or 0, ms to keep it, id
-- Returns "done skipped"; skipped are those whose unique key another one holds.
local done, skipped = 0, 0

-- again gives the dead letter at ARGV[i] back.
local function again(i)
  local entry = redis.call('XRANGE', KEYS[2], ARGV[i], ARGV[i])[1]
  if not entry then return end
  local fields, d = entry[2], ''
  for j = 1, #fields, 2 do
    if fields[j] == 'd' then d = fields[j + 1] end
  end
  local unique, state = KEYS[tonumber(ARGV[i + 3])], KEYS[tonumber(ARGV[i + 5])]
  if unique then
    local holder = redis.call('SET', unique, ARGV[i + 7], 'NX', 'PX', ARGV[i + 4], 'GET')
    if holder and holder ~= ARGV[i + 7] then
      skipped = skipped + 1
      return
    end
  end
  redis.call('XADD', KEYS[tonumber(ARGV[i + 2])], '*', 't', ARGV[i + 1], 'd', d)
  redis.call('XDEL', KEYS[2], ARGV[i])
  redis.call('ZREM', KEYS[7], ARGV[i + 7])
  if state then
    redis.call('HSET', state, 's', 'waiting')
    redis.call('HDEL', state, 'e', 'at')
    redis.call('PEXPIRE', state, ARGV[i + 6])
  end
  done = done + 1
end

if ARGV[3] == 'purge' then
  done = redis.call('XDEL', KEYS[2], unpack(ARGV, 4))
else
  for i = 4, #ARGV, 8 do again(i) end
end
return answered(done .. ' ' .. skipped)
