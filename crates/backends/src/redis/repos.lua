-- Replaces the rows of many repositories, each that is of the version that is named; the others are answered as they are now.
-- Each stands for itself: that some have moved on hinders none of the others.
--
-- Its own arguments: an organisation that must be there afterwards, and what is known of it if it is not (or two empty ones);
-- and then for each repository its id, its version, and its new row (empty: as it is, if that is its version).
-- Answers: the place before, the one before the first row's, the last; then for each that has moved its id, version and row.
-- The rows that were replaced have the places after the second one, in the order in which they came.
local refused = refusal()
if refused then
  return refused
end
local ORG, VIEW = ARGV[OWN], ARGV[OWN + 1]
local FIRST = OWN + 2

local before = place
if ORG ~= '' and redis.call('HEXISTS', ORGS, ORG) == 0 then
  redis.call('HSET', ORGS, ORG, VIEW)
  redis.call('ZADD', ORG_PLACES, next_place(), ORG)
end
local base = place

local asked = {}
for number = FIRST, #ARGV, 3 do
  table.insert(asked, ARGV[number])
end
local versions = in_handfuls('ZMSCORE', PLACES, asked)
local moved, rows, places = {}, {}, {}
for number, repo in ipairs(asked) do
  local argument = FIRST + 3 * (number - 1)
  if not is_at(versions[number], ARGV[argument + 1]) then
    table.insert(moved, repo)
    table.insert(moved, versions[number] or '')
    table.insert(moved, redis.call('HGET', REPOS, repo) or '')
  elseif ARGV[argument + 2] ~= '' then
    table.insert(rows, repo)
    table.insert(rows, ARGV[argument + 2])
    table.insert(places, next_place())
    table.insert(places, repo)
  end
end
in_handfuls('HSET', REPOS, rows)
in_handfuls('ZADD', PLACES, places)
if place > before then
  redis.call('HSET', STORE, 'place', text(place))
end
local answer = { 'done', text(before), text(base), text(place) }
for _, word in ipairs(moved) do
  table.insert(answer, word)
end
return answer
