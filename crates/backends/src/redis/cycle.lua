-- Replaces what is known of an organisation, if it is of the version that is named.
--
-- Its own arguments: the organisation, its version, what is known of it now.
-- Answers: the places before and after. Or `moved`, and its version and what is known as they are.
local refused = refusal()
if refused then
  return refused
end
local ORG, VERSION, VIEW = unpack(ARGV, OWN)
local version = redis.call('ZSCORE', ORG_PLACES, ORG)
if not is_at(version, VERSION) then
  return { 'moved', version or '', redis.call('HGET', ORGS, ORG) or '' }
end
local before = place
redis.call('HSET', ORGS, ORG, VIEW)
redis.call('ZADD', ORG_PLACES, next_place(), ORG)
redis.call('HSET', STORE, 'place', text(place))
return { 'done', text(before), text(place) }
