-- Makes the groups that are missing, at their streams' starts: whatever is in
-- a stream is not finished.
--
-- KEYS  streams
-- ARGV  1 group
for i = 1, #KEYS do
  local r = redis.pcall('XGROUP', 'CREATE', KEYS[i], ARGV[1], '0', 'MKSTREAM')
  if r.err and string.sub(r.err, 1, 9) ~= 'BUSYGROUP' then return r end
end
return redis.status_reply('OK')
