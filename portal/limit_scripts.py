"""The limiter's Lua scripts: each is atomic on Redis, and uses the server's clock unless a test freezes it."""

TAKE = """
local epoch = redis.call('GET', KEYS[1])
if not epoch then return {-1} end
epoch = tonumber(epoch)
local now = tonumber(ARGV[1])
if now == 0 then
  local t = redis.call('TIME')
  now = tonumber(t[1]) * 1000000 + tonumber(t[2])
end
local allowed, answer = 1, {0, now}
for i = 2, #KEYS do
  local interval, capacity = tonumber(ARGV[2 * i - 2]), tonumber(ARGV[2 * i - 1])
  local saved = redis.call('GET', KEYS[i])
  local tat, seen = 0, -1
  if saved then
    local a, b = string.match(saved, '^(%d+) (%d+)$')
    tat, seen = tonumber(a), tonumber(b)
  end
  if seen < epoch then tat = math.max(tat, epoch + capacity) end
  tat = math.max(tat, now)
  if tat + interval - now > capacity then allowed = 0 end
  answer[i + 1] = tat
end
if allowed == 1 then
  for i = 2, #KEYS do
    local tat = answer[i + 1] + tonumber(ARGV[2 * i - 2])
    answer[i + 1] = tat
    redis.call('SET', KEYS[i], string.format('%.0f %.0f', tat, epoch),
               'PX', math.ceil((tat - now) / 1000) + 1000)
  end
end
answer[1] = allowed
return answer
"""

GIVE_BACK = """
for i = 1, #KEYS do
  local saved = redis.call('GET', KEYS[i])
  if saved then
    local a, b = string.match(saved, '^(%d+) (%d+)$')
    local tat = math.max(0, tonumber(a) - tonumber(ARGV[i]))
    redis.call('SET', KEYS[i], string.format('%.0f', tat) .. ' ' .. b, 'KEEPTTL')
  end
end
return 1
"""

# Opens an epoch: ARGV[1] its start (0 = the server's clock), ARGV[2] 'NX' to keep one that exists.
OPEN = """
local start = ARGV[1]
if start == '0' then
  local t = redis.call('TIME')
  start = string.format('%.0f', tonumber(t[1]) * 1000000 + tonumber(t[2]))
end
if ARGV[2] == 'NX' then redis.call('SET', KEYS[1], start, 'NX')
else redis.call('SET', KEYS[1], start) end
return 1
"""
