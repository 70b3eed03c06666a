-- The rows of repositories that changed after a place, by place.
--
-- Its own arguments: the place, how many at most.
-- Answers: the last place of the store; then for each its id, version and row.
if KNOWN ~= incarnation then
  return { 'anew', incarnation }
end
local found = redis.call('ZRANGEBYSCORE', PLACES, '(' .. ARGV[OWN], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[OWN + 1])
local ids = {}
for number = 1, #found, 2 do
  table.insert(ids, found[number])
end
local rows = in_handfuls('HMGET', REPOS, ids)
local answer = { 'done', text(place) }
for number, id in ipairs(ids) do
  table.insert(answer, id)
  table.insert(answer, found[2 * number])
  table.insert(answer, rows[number])
end
return answer
