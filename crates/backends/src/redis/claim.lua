-- Gives the gaps of a stream to somebody. Whether there are any was decided by the repository's row, which is of a version.
--
-- Its own arguments: the repository, its version, what to do, the claim's field, who, until when, the time, a leap. To do: `take` them;
-- `look` whether somebody has them; or `pass`, since there are none, and only the version was to be seen.
-- Answers: the token, if they were taken. Or `held` and until when; or `moved`, and the row as it is now.
local refused = refusal()
if refused then
  return refused
end
local REPO, VERSION, WHAT, FIELD, HOLDER, UNTIL, NOW, LEAP = unpack(ARGV, OWN)
local version = redis.call('ZSCORE', PLACES, REPO)
if not is_at(version, VERSION) then
  return { 'moved', REPO, version or '', redis.call('HGET', REPOS, REPO) or '' }
end
if WHAT == 'pass' then
  return { 'done' }
end
local claim = redis.call('HGET', CLAIMS, FIELD)
if claim then
  local held_until = string.match(claim, '^%d+ (%-?%d+) ')
  if tonumber(held_until) > tonumber(NOW) then
    return { 'held', held_until }
  end
end
if WHAT == 'look' then
  return { 'done' }
end
-- Tokens rise as terms do: see lead.lua.
local last = redis.call('HGET', STORE, 'token') or '0'
local token = text(math.max(tonumber(last), tonumber(NOW)) + tonumber(LEAP))
redis.call('HSET', STORE, 'token', token)
redis.call('HSET', CLAIMS, FIELD, token .. ' ' .. UNTIL .. ' ' .. HOLDER)
return { 'done', token }
