-- Adds, changes or removes a recurring task. KEYS and ARGV: once.lua's, then
-- KEYS  2 recurring tasks
-- ARGV  3 set or delete  4 name  5 definition  6 when it fires, as one text
-- A definition that fires when the old one did keeps its mark. Returns 1, or 0
-- if there was nothing to delete.
if ARGV[3] == 'delete' then
  return answered(tostring(redis.call('HDEL', KEYS[2], 'd:' .. ARGV[4])
    + 0 * redis.call('HDEL', KEYS[2], 'm:' .. ARGV[4], 't:' .. ARGV[4])))
end
if redis.call('HGET', KEYS[2], 't:' .. ARGV[4]) ~= ARGV[6] then
  local time = redis.call('TIME')
  redis.call('HSET', KEYS[2], 't:' .. ARGV[4], ARGV[6], 'm:' .. ARGV[4], time[1] .. string.format('%03d', math.floor(time[2] / 1000)))
end
redis.call('HSET', KEYS[2], 'd:' .. ARGV[4], ARGV[5])
return answered('1')
