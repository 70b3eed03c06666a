-- Somebody has a new connection. Begins the store if there is none, takes down which server has it now and from which place
-- on, and begins a new incarnation if that server does not have all that the caller has seen: a failover or a restart that
-- lost something, and so told different readers different things.
--
-- Its own arguments: the server, a name for a new incarnation, the format; what the caller stood by: generation and server;
-- the highest place that it has seen.
-- Answers: the incarnation, the generation, the place.
local SERVER, CANDIDATE, FORMAT, GENERATION, STOOD_BY, SEEN = unpack(ARGV, OWN)
-- So many changes of servers are remembered. Who was away for more of them takes it that something was lost.
local REMEMBERED = 64

local store = redis.call('HMGET', STORE, 'format', 'server', 'generation')
local format, server, generation = store[1], store[2], tonumber(store[3] or '0')
if format and tonumber(format) > tonumber(FORMAT) then
  return { 'newer', format }
end
if incarnation == '' then
  incarnation = CANDIDATE
  redis.call('HSET', STORE, 'incarnation', incarnation, 'format', FORMAT)
end
if server ~= SERVER then
  generation = generation + 1
  redis.call('HSET', STORE, 'server', SERVER, 'generation', text(generation))
  redis.call('RPUSH', SERVERS, text(generation) .. ' ' .. SERVER .. ' ' .. text(place))
  redis.call('LTRIM', SERVERS, -REMEMBERED, -1)
end
if KNOWN == incarnation and GENERATION ~= '' then
  local is_lost = true
  local since = redis.call('LRANGE', SERVERS, 0, -1)
  local lowest = place
  for number = #since, 1, -1 do
    local of, name, from = string.match(since[number], '^(%d+) (%S+) (%d+)$')
    if of == GENERATION and name == STOOD_BY then
      is_lost = lowest < tonumber(SEEN)
      break
    end
    lowest = math.min(lowest, tonumber(from))
  end
  if is_lost then
    incarnation = CANDIDATE
    redis.call('HSET', STORE, 'incarnation', incarnation)
  end
end
return { 'done', incarnation, text(generation), text(place) }
