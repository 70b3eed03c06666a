-- Replaces what a member tells (nothing: takes it away), and answers what everybody tells: member, then row.
local BOARD, MEMBER, ROW = KEYS[1], ARGV[1], ARGV[2]
if ROW == '' then
  redis.call('HDEL', BOARD, MEMBER)
else
  redis.call('HSET', BOARD, MEMBER, ROW)
end
return redis.call('HGETALL', BOARD)
