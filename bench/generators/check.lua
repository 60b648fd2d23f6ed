-- wrk's script: sends the requests of a file (bench/generators/exchange.py) in turn, checks every answer, prints the counts as JSON.
-- wrk -s check.lua URL -- FILE RUN
--
-- wrk does not say which request an answer belongs to. So each thread sends a picture RUN times, which keeps one or two of
-- them in flight, and an answer is wrong unless a request in flight is waiting for just its digits.
local requests, waiting = {}, {}
local run, turn, sent = 1, 1, 0
right, refused, wrong = 0, 0, 0

local threads = {}

function setup(thread)
  table.insert(threads, thread)
  thread:set("first", #threads)
end

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  run = tonumber(arguments[2])
  for line in function() return file:read("*l") end do
    local digits, bytes = line:match("^(%d*) (%d+)$")
    table.insert(requests, { digits = digits, content = file:read(tonumber(bytes)) })
    waiting[digits] = 0
  end
  file:close()
  turn = (first * 7) % #requests + 1 -- threads begin with different pictures
end

function request()
  if sent == run then
    turn, sent = turn % #requests + 1, 0
  end
  sent = sent + 1
  local chosen = requests[turn]
  waiting[chosen.digits] = waiting[chosen.digits] + 1
  return chosen.content
end

local function digits_in(answer)
  local count = #requests[1].digits
  if count <= 1 then
    return count == 1 and answer:match("%d") or ""
  end
  local found = {}
  for digit in answer:gmatch('"digit": ?(%d)') do
    found[#found + 1] = digit
  end
  return table.concat(found)
end

function response(status, headers, body)
  if status ~= 200 then
    refused = refused + 1
    return
  end
  local digits = digits_in(body)
  if (waiting[digits] or 0) > 0 then
    waiting[digits] = waiting[digits] - 1
    right = right + 1
  else
    wrong = wrong + 1
  end
end

function done(summary, latency, _)
  local total = { right = 0, refused = 0, wrong = 0 }
  for _, thread in ipairs(threads) do
    for name in pairs(total) do
      total[name] = total[name] + thread:get(name)
    end
  end
  local broken = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format('{"right": %d, "refused": %d, "wrong": %d, "seconds": %.6f, "p50_ms": %.4f, "p99_ms": %.4f}\n',
    total.right, total.refused + broken, total.wrong, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
