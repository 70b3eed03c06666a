-- Renews a claim that is still the caller's.
--
-- Its own argument: until when.
local refused = refusal()
if refused then
  return refused
end
local token, holder = string.match(redis.call('HGET', CLAIMS, CLAIM), '^(%d+) %-?%d+ (.*)$')
redis.call('HSET', CLAIMS, CLAIM, token .. ' ' .. ARGV[OWN] .. ' ' .. holder)
return { 'done' }
