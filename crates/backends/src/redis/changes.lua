-- A piece of the change feed.
--
-- Its own arguments: the place after which it begins, how many events at most, up to which place the caller knows the rows of
-- repositories.
-- Answers: where the next piece begins; whether there is more; whether the caller has to read rows of repositories; what is known
-- of the organisations that changed, each as it is kept; and then for each event its place, `R` (recorded) or `A` (amended), kind
-- and repository, id, and row.
if KNOWN ~= incarnation then
  return { 'anew', incarnation }
end
local AFTER, LIMIT, READ = tonumber(ARGV[OWN]), tonumber(ARGV[OWN + 1]), ARGV[OWN + 2]

local recorded = redis.call('XRANGE', FEED, text(AFTER + 1), '+', 'COUNT', LIMIT + 1)
local amended = redis.call('ZRANGEBYSCORE', AMENDED, '(' .. text(AFTER), '+inf', 'WITHSCORES', 'LIMIT', 0, LIMIT + 1)

-- Both by place, one after the other.
local entries = {}
local from_recorded, from_amended = 1, 1
while #entries <= LIMIT do
  local one, other = recorded[from_recorded], amended[from_amended]
  local first = one and tonumber(string.match(one[1], '^(%d+)'))
  local second = other and tonumber(amended[from_amended + 1])
  if first and (not second or first < second) then
    table.insert(entries, { first, 'R', one[2][1], one[2][2] })
    from_recorded = from_recorded + 1
  elseif second then
    local key, id = string.match(other, '^(%d+:%d+):(.*)$')
    table.insert(entries, { second, 'A', key, id })
    from_amended = from_amended + 2
  else
    break
  end
end
local more = #entries > LIMIT
local to = math.max(place, AFTER)
if more then
  entries[LIMIT + 1] = nil
  to = entries[LIMIT][1]
end

local orgs = redis.call('ZRANGEBYSCORE', ORG_PLACES, '(' .. text(AFTER), text(to))
local behind = redis.call('ZCOUNT', PLACES, '(' .. READ, '+inf') > 0
local answer = { 'done', text(to), more and '1' or '0', behind and '1' or '0', in_handfuls('HMGET', ORGS, orgs) }
-- Events of one repository often stand together: one look for each such run.
local number = 1
while number <= #entries do
  local key, ids = entries[number][3], {}
  while entries[number + #ids] and entries[number + #ids][3] == key do
    table.insert(ids, entries[number + #ids][4])
  end
  local rows = in_handfuls('HMGET', events_of(key), ids)
  for offset = 1, #ids do
    local entry = entries[number + offset - 1]
    table.insert(answer, text(entry[1]))
    table.insert(answer, entry[2])
    table.insert(answer, key)
    table.insert(answer, entry[4])
    table.insert(answer, rows[offset])
  end
  number = number + #ids
end
return answer
