-- Takes down that these were dispatched.
--
-- Its own arguments: the time, and then the streams' fields.
local refused = refusal()
if refused then
  return refused
end
local fields = {}
for number = OWN + 1, #ARGV do
  table.insert(fields, ARGV[number])
  table.insert(fields, ARGV[OWN])
end
in_handfuls('HSET', DISPATCHED, fields)
return { 'done' }
