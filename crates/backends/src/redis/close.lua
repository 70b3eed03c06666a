-- Records a block of a credential if it ends later than the one that is recorded. A row is its end, in microseconds, and the rest.
local BLOCKS, CREDENTIAL, UNTIL, REST = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local known = redis.call('HGET', BLOCKS, CREDENTIAL)
if not known or tonumber(string.match(known, '^%-?%d+')) < tonumber(UNTIL) then
  redis.call('HSET', BLOCKS, CREDENTIAL, UNTIL .. ' ' .. REST)
end
return {}
