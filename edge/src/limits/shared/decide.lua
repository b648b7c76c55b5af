-- Decides over several sliding windows at once, and counts in all of them or in none: core/src/window.rs, by the
-- store's own clock. All keys stand in one slot.
--
-- KEYS  a counter each: "period current previous"
-- ARGV  1: whether to count ("1"); then seven a key: the most, the window in milliseconds, the cost, whether it stands
--       in shadow ("1"), and what this node has counted by itself: period, current, previous
-- gives the time in milliseconds, and period, current and previous of each counter before the decision

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- a × b in two parts of base 65536: the product does not fit into the 53 bits of a number here.
local function product(a, b)
    local low = (a % 65536) * b
    return math.floor(a / 65536) * b + math.floor(low / 65536), low % 65536
end

local function rolled(period, current, previous, to)
    if period == to then return current, previous end
    if period == to - 1 then return 0, current end
    return 0, 0
end

local windows, stored = {}, redis.call('MGET', unpack(KEYS))
for at = 1, #KEYS do
    local first = 2 + (at - 1) * 7
    local window = tonumber(ARGV[first + 1])
    local period, elapsed = math.floor(now / window), now % window
    local p, c, v = 0, 0, 0
    if stored[at] then
        p, c, v = string.match(stored[at], '^(%d+) (%d+) (%d+)$')
        p, c, v = tonumber(p) or 0, tonumber(c) or 0, tonumber(v) or 0
    end
    -- A clock that ran backwards grants nothing: the period's first instant, when most still counts.
    if p > period then period, elapsed = p, 0 end
    c, v = rolled(p, c, v, period)
    -- What a node has counted was counted, also where this store was emptied meanwhile.
    local own, before = rolled(tonumber(ARGV[first + 4]), tonumber(ARGV[first + 5]), tonumber(ARGV[first + 6]), period)
    windows[at] = {
        most = tonumber(ARGV[first]), window = window, cost = tonumber(ARGV[first + 2]), shadow = ARGV[first + 3] == '1',
        period = period, left = window - elapsed, current = math.max(c, own), previous = math.max(v, before),
    }
end

local function passes(w)
    local room = w.most - w.cost - w.current
    if room < 0 then return false end
    local high, low = product(w.previous, w.left)
    local most_high, most_low = product(room, w.window)
    return high < most_high or (high == most_high and low <= most_low)
end

local function all(shadow)
    for _, w in ipairs(windows) do
        if w.shadow == shadow and not passes(w) then return false end
    end
    return true
end

local function count(shadow)
    for at, w in ipairs(windows) do
        if w.shadow == shadow and w.cost > 0 then
            local text = string.format('%d %d %d', w.period, w.current + w.cost, w.previous)
            redis.call('SET', KEYS[at], text, 'PX', 2 * w.window)
        end
    end
end

if ARGV[1] == '1' and all(false) then
    count(false)
    if all(true) then count(true) end
end

local answer = { now }
for _, w in ipairs(windows) do
    answer[#answer + 1] = w.period
    answer[#answer + 1] = w.current
    answer[#answer + 1] = w.previous
end
return answer
