-- Returns the server's time in ms and all of the recurring tasks, and forgets
-- cancellations that are old.
-- KEYS  1 recurring tasks  2 cancellations
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local list = redis.call('HGETALL', KEYS[1])
table.insert(list, 1, now)
return list
