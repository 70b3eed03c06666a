-- Begins a term: higher than the last one and than the time, in microseconds, by a leap that nobody can guess. So terms rise as time
-- does also over a loss of all that was there, and a leader of before it is never taken for one of after it, whatever the clocks.
--
-- Its own arguments: who leads, the time, the leap, a name for a new incarnation.
-- Answers: the term.
local HOLDER, NOW, LEAP, CANDIDATE = unpack(ARGV, OWN)
if incarnation == '' then
  redis.call('HSET', STORE, 'incarnation', CANDIDATE)
end
local next_term = text(math.max(tonumber(term or '0'), tonumber(NOW)) + tonumber(LEAP))
redis.call('HSET', STORE, 'term', next_term, 'holder', HOLDER, 'led_at', NOW)
return { 'done', next_term }
