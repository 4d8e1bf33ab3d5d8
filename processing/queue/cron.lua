-- Fires a recurring task: its mark moves on and its tasks are put, or, if
-- another one has done so before or changed the definition, neither.
--
-- KEYS and ARGV: once.lua's, then
-- KEYS  2 set of the shard's queues  3 recurring tasks, then those of the runs
-- ARGV  3 maxlen  4 names of queues to note  5 name  6 definition  7 mark as it
--       must be  8 mark as it shall be, then runs as put.lua describes them
-- Returns "late", or "fired" and put.lua's out in the lines behind.
if redis.call('HGET', KEYS[3], 'd:' .. ARGV[5]) ~= ARGV[6] or redis.call('HGET', KEYS[3], 'm:' .. ARGV[5]) ~= ARGV[7] then
  return answered('late')
end
for name in string.gmatch(ARGV[4], '%S+') do
  redis.call('SADD', KEYS[2], name)
end
local text = 'fired\n' .. put(9, tonumber(ARGV[3])) -- first, since it may fail
redis.call('HSET', KEYS[3], 'm:' .. ARGV[5], ARGV[8])
return answered(text)
