-- Takes a step with the office if its mark is the one that is named (none: there is no office). The mark counts the steps, and ends
-- in something that nobody has said before, since a store that was emptied counts anew.
--
-- Its arguments: the mark, whether somebody holds it from now on, who, the epoch, the end of the next mark.
-- Answers: whether it was that mark, and the next one.
local OFFICE = KEYS[1]
local MARK, IS_HELD, HOLDER, EPOCH, UNHEARD_OF = unpack(ARGV)
local office = redis.call('HMGET', OFFICE, 'mark', 'steps')
if (office[1] or '') ~= MARK then
  return { '0' }
end
local steps = string.format('%.0f', tonumber(office[2] or '0') + 1)
local mark = steps .. '-' .. UNHEARD_OF
redis.call('HSET', OFFICE, 'mark', mark, 'steps', steps, 'held', IS_HELD, 'holder', HOLDER, 'epoch', EPOCH)
return { '1', mark }
