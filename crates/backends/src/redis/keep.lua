-- Keeps what was learnt in place of exactly what is named, or of nothing. Answers whether it was that.
local LEARNT, CREDENTIAL, NEW, IS_OVER, OVER = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local known = redis.call('HGET', LEARNT, CREDENTIAL)
if (known and true or false) ~= (IS_OVER == '1') or (known and known ~= OVER) then
  return { '0' }
end
redis.call('HSET', LEARNT, CREDENTIAL, NEW)
return { '1' }
