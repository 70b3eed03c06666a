-- One step on one repository: events are brought and retracted, its row is replaced, a claim is ended; all of it or nothing.
-- The row, and with it what was decided, is of a version; where that is not the present one, nothing happens.
--
-- Its own arguments: the repository, its version, its new row (empty: as it is), whether the claim ends, and then for each event
-- its kind, its id and its row; without a row it is retracted.
-- Answers: the places before and after; how many were inserted, updated, retracted.
-- Or `moved`, and the row as it is now: repository, version, row.
--
-- A row's first byte says by its bit 1 whether the event is retracted, and by its bit 2 whether it has a part that may change:
-- then a byte with that part's length follows, and the part, whose first 8 bytes are its version.
local refused = refusal()
if refused then
  return refused
end
local REPO, VERSION, ROW, ENDS = unpack(ARGV, OWN, OWN + 3)
local FIRST = OWN + 4

local version = redis.call('ZSCORE', PLACES, REPO)
if not is_at(version, VERSION) then
  return { 'moved', REPO, version or '', redis.call('HGET', REPOS, REPO) or '' }
end

local RETRACTED, CHANGEABLE = 1, 2
local function has(row, bit)
  return string.byte(row, 1) % (2 * bit) >= bit
end
local function with_mark(row, bit, sign)
  return string.char(string.byte(row, 1) + sign * bit) .. string.sub(row, 2)
end
-- Where the part that may change ends.
local function change_end(row)
  return 2 + string.byte(row, 2)
end
local function is_newer(row, known)
  for number = 3, 10 do
    local one, other = string.byte(row, number), string.byte(known, number)
    if one ~= other then
      return one > other
    end
  end
  return false
end

-- What is known of the events that were brought, by kind and id.
local known, ids = {}, {}
for number = FIRST, #ARGV, 3 do
  local kind = ARGV[number]
  ids[kind] = ids[kind] or {}
  table.insert(ids[kind], ARGV[number + 1])
end
for kind, asked in pairs(ids) do
  local rows = in_handfuls('HMGET', events_of(kind .. ':' .. REPO), asked)
  known[kind] = {}
  for number, id in ipairs(asked) do
    known[kind][id] = rows[number]
  end
end

local before = place
local inserted, updated, retracted = 0, 0, 0
local written = {}
local function write(kind, id, row)
  known[kind][id] = row
  written[kind] = written[kind] or {}
  written[kind][id] = row
end
local function amend(kind, id, row)
  write(kind, id, row)
  redis.call('ZADD', AMENDED, next_place(), kind .. ':' .. REPO .. ':' .. id)
end

for number = FIRST, #ARGV, 3 do
  local kind, id, row = ARGV[number], ARGV[number + 1], ARGV[number + 2]
  local kept = known[kind][id]
  if row == '' then
    if kept and not has(kept, RETRACTED) then
      amend(kind, id, with_mark(kept, RETRACTED, 1))
      retracted = retracted + 1
    end
  elseif not kept then
    write(kind, id, row)
    redis.call('XADD', FEED, text(next_place()) .. '-0', kind .. ':' .. REPO, id)
    inserted = inserted + 1
  else
    local changed = kept
    if has(kept, CHANGEABLE) and is_newer(row, kept) then
      changed = string.sub(kept, 1, 1)
        .. string.sub(row, 2, change_end(row))
        .. string.sub(kept, change_end(kept) + 1)
    end
    if has(kept, RETRACTED) then
      changed = with_mark(changed, RETRACTED, -1)
    end
    if changed ~= kept then
      amend(kind, id, changed)
      updated = updated + 1
    end
  end
end

for kind, rows in pairs(written) do
  local pairs_of = {}
  for id, row in pairs(rows) do
    table.insert(pairs_of, id)
    table.insert(pairs_of, row)
  end
  in_handfuls('HSET', events_of(kind .. ':' .. REPO), pairs_of)
end
if ROW ~= '' then
  redis.call('HSET', REPOS, REPO, ROW)
  redis.call('ZADD', PLACES, next_place(), REPO)
end
if ENDS == '1' then
  redis.call('HDEL', CLAIMS, CLAIM)
  redis.call('HDEL', DISPATCHED, CLAIM)
end
if place > before then
  redis.call('HSET', STORE, 'place', text(place))
end
return { 'done', text(before), text(place), text(inserted), text(updated), text(retracted) }
