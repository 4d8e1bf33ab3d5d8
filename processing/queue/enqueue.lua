-- Enqueues a batch. KEYS and ARGV: once.lua's, then
-- KEYS  2 set of the shard's queues, then those that the runs name
-- ARGV  3 maxlen, negative: no limit  4 names of queues to note, with spaces, or ''
--       then runs as put.lua describes them
-- Returns put.lua's out, a line for each, '' where all tasks were taken.
for name in string.gmatch(ARGV[4], '%S+') do
  redis.call('SADD', KEYS[2], name)
end
return answered(put(5, tonumber(ARGV[3])))
