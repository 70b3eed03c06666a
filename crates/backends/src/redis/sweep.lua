-- Takes away what a member tells if its beat, the first line of its row, still is the one that is named. Answers whether it was.
local row = redis.call('HGET', KEYS[1], ARGV[1])
if row and string.match(row, '^(%d+)\n') == ARGV[2] then
  redis.call('HDEL', KEYS[1], ARGV[1])
  return { '1' }
end
return { '0' }
