-- Appends a batch of frames of one device and lane exactly once.
--
-- KEYS  1 stream of the lane   2 state hash of the shard
-- ARGV  1 field "device|lane"  2 fence   3,4 epoch and number of the frame
--       before the batch  5 maxlen, 0 = never trim  6 device
--       then per frame: epoch number n t0 t1 q boot enc payload
--
-- q is one of the words of docs/wire.md, at most 8 bytes. A longer one is
-- "word;after;before": the bounds of an undated frame, 0 = not known. So the
-- usual frame needs no argument more.
--
-- Without frames: raises the fence and returns the mark as it was.
-- With frames: returns how many were new. Frames up to the mark are skipped,
-- so that a repeated call changes nothing.
-- Errors: FENCED and GAP, each with the mark "fence;epoch;seq".
local mark = redis.call('HGET', KEYS[2], ARGV[1]) or '0;0;0'
local f, e, s = string.match(mark, '^(%d+);(%d+);(%d+)$')
if not f then
  return redis.error_reply('BADMARK ' .. KEYS[2] .. ' ' .. ARGV[1] .. ' holds "' .. mark .. '"')
end
if tonumber(ARGV[2]) < tonumber(f) then
  return redis.error_reply('FENCED ' .. mark)
end
if #ARGV < 7 then
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[2] .. ';' .. e .. ';' .. s)
  return mark
end

local i = 7
if ARGV[3] ~= e or ARGV[4] ~= s then
  local E, S = tonumber(e), tonumber(s)
  while i <= #ARGV do
    local ep = tonumber(ARGV[i])
    if ep > E or (ep == E and tonumber(ARGV[i + 1]) > S) then break end
    i = i + 9
  end
  if i > #ARGV then return 0 end
  if i == 7 or ARGV[i - 9] ~= e or ARGV[i - 8] ~= s then
    return redis.error_reply('GAP ' .. mark)
  end
end

-- The mark goes first: a user who may XADD but not HSET then writes nothing at
-- all, instead of frames that come again. An XADD that fails takes it back.
local new = (#ARGV - i + 1) / 9
local last = #ARGV - 8
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2] .. ';' .. ARGV[last] .. ';' .. ARGV[last + 1])
while i <= last do
  local r
  if #ARGV[i + 5] > 8 then
    local q, after, before = string.match(ARGV[i + 5], '^(%a+);(%-?%d+);(%-?%d+)$')
    local c = {'XADD', KEYS[1], '*'}
    if ARGV[5] ~= '0' then
      c = {'XADD', KEYS[1], 'MAXLEN', '~', ARGV[5], '*'}
    end
    for _, v in ipairs({'dev', ARGV[6], 'ep', ARGV[i], 'seq', ARGV[i + 1], 'n', ARGV[i + 2], 't0', ARGV[i + 3],
      't1', ARGV[i + 4], 'q', q, 'boot', ARGV[i + 6], 'enc', ARGV[i + 7], 'd', ARGV[i + 8]}) do
      c[#c + 1] = v
    end
    if after ~= '0' then
      c[#c + 1], c[#c + 2] = 'after', after
    end
    if before ~= '0' then
      c[#c + 1], c[#c + 2] = 'before', before
    end
    r = redis.pcall(unpack(c))
  elseif ARGV[5] == '0' then
    r = redis.pcall('XADD', KEYS[1], '*', 'dev', ARGV[6], 'ep', ARGV[i], 'seq', ARGV[i + 1], 'n', ARGV[i + 2],
      't0', ARGV[i + 3], 't1', ARGV[i + 4], 'q', ARGV[i + 5], 'boot', ARGV[i + 6], 'enc', ARGV[i + 7], 'd', ARGV[i + 8])
  else
    r = redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', ARGV[5], '*', 'dev', ARGV[6], 'ep', ARGV[i], 'seq', ARGV[i + 1], 'n', ARGV[i + 2],
      't0', ARGV[i + 3], 't1', ARGV[i + 4], 'q', ARGV[i + 5], 'boot', ARGV[i + 6], 'enc', ARGV[i + 7], 'd', ARGV[i + 8])
  end
  if type(r) == 'table' then
    redis.call('HSET', KEYS[2], ARGV[1], ARGV[2] .. ';' .. e .. ';' .. s)
    return r
  end
  e, s = ARGV[i], ARGV[i + 1]
  i = i + 9
end
return new
