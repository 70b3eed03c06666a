-- What every script of the store of activity begins with: its keys, what it is called with, and who may write.
--
-- A script runs alone: nobody sees half of what it does. What it is refused for, it is refused for before its first write,
-- so it leaves nothing half written; a server without memory refuses that first write.
-- All keys have one hash tag. The keys of events are made here (events_of), since what is asked for names them.
local STORE, REPOS, PLACES, ORGS, ORG_PLACES, FEED, AMENDED, CLAIMS, DISPATCHED, SERVERS =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]
-- Of the keys; the incarnation that the caller knows; 'leader', 'filler' or 'anybody', what entitles it, and the claim's field.
local PREFIX, KNOWN, BY, PROOF, CLAIM = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
-- Where what belongs to the script itself begins.
local OWN = 6
-- How many arguments are handed to one command at most: Lua's stack has an end.
local HANDFUL = 1000

local incarnation, term, place
do
  local store = redis.call('HMGET', STORE, 'incarnation', 'term', 'place')
  incarnation, term, place = store[1] or '', store[2], tonumber(store[3] or '0')
end

-- Numbers are exact up to 2^53, and no place, term or token comes near it.
local function text(number)
  return string.format('%.0f', number)
end

local function events_of(kind_and_repo)
  return PREFIX .. 'events:' .. kind_and_repo
end

local function next_place()
  place = place + 1
  return place
end

-- Why the caller may not go on, if it may not.
local function refusal()
  if BY == 'leader' and term ~= PROOF then
    return { 'fenced' }
  end
  if BY == 'filler' then
    local claim = redis.call('HGET', CLAIMS, CLAIM)
    if not claim or string.match(claim, '^(%d+) ') ~= PROOF then
      return { 'lost' }
    end
  end
  if KNOWN ~= incarnation then
    return { 'anew', incarnation }
  end
end

-- The answers of a command that takes many arguments after its key, in handfuls.
local function in_handfuls(command, key, arguments)
  local answers = {}
  for first = 1, #arguments, HANDFUL do
    local last = math.min(first + HANDFUL - 1, #arguments)
    local some = redis.call(command, key, unpack(arguments, first, last))
    if type(some) == 'table' then
      for number = 1, #some do
        answers[first + number - 1] = some[number]
      end
    end
  end
  return answers
end

-- The version of something is its place; nothing is there where there is none.
local function is_at(found, expected)
  return tonumber(found or '-1') == tonumber(expected == '' and '-1' or expected)
end
