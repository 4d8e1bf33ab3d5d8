-- Moves what is due to its streams. A repeated call moves what is still there.
--
-- KEYS  1 promoter of the shard, then for each queue: delay, body, and the
--       streams of the classes n c h b
-- ARGV  1 who asks  2 ms that it stays promoter  3 how many to move at most
-- Returns "moved next now": next is when the next one is due, 0 if none is;
-- -1 moved: another one promotes in this shard. One whose time is longer than it
-- can be is of before the clock was put back.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local promoter = redis.call('GET', KEYS[1])
if promoter and promoter ~= ARGV[1] and redis.call('PTTL', KEYS[1]) <= tonumber(ARGV[2]) then return '-1 0 ' .. now end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])

local streams = {n = 2, c = 3, h = 4, b = 5}
local left, moved, next, failed = tonumber(ARGV[3]), 0, 0, nil

-- ready moves a task; false: it could not, and stays where it is.
local function ready(k, id)
  local body = redis.call('HGET', KEYS[k + 1], id)
  if not body then return true end
  local n, at = string.match(body, '^(%d+):()')
  local r
  if n then
    local t = string.sub(body, at, at + n - 1)
    r = redis.pcall('XADD', KEYS[k + (streams[string.sub(t, 2, 2)] or 2)], '*', 't', t, 'd', string.sub(body, at + n))
  else -- no task: as the same in a stream, it becomes a dead letter
    r = redis.pcall('XADD', KEYS[k + 2], '*', 'd', body)
  end
  if type(r) == 'table' then
    failed = r
    return false
  end
  moved = moved + 1
  return true
end

for k = 2, #KEYS, 6 do
  if left > 0 then
    local due = redis.call('ZRANGE', KEYS[k], '-inf', now, 'BYSCORE', 'LIMIT', 0, left)
    if #due > 0 then
      local gone = {}
      for _, id in ipairs(due) do
        if ready(k, id) then gone[#gone + 1] = id end
      end
      if #gone > 0 then
        redis.call('ZREM', KEYS[k], unpack(gone))
        redis.call('HDEL', KEYS[k + 1], unpack(gone))
      end
      left = left - #due
    end
  end
  local first = redis.call('ZRANGE', KEYS[k], 0, 0, 'WITHSCORES')[2]
  first = first and tonumber(first)
  if first and (next == 0 or first < next) then next = first end
end
if failed then return failed end
return moved .. ' ' .. string.format('%.0f', next) .. ' ' .. string.format('%.0f', now)
