-- What the scripts for wrk share. Arguments of each: the data that the bench wrote, how many threads there are, the number
-- of the first request. `wrk::run` says where this file is.

local threads = {}

-- NODES, "HOST:PORT,HOST:PORT": each thread goes to one of them, instead of all to the address of the command line.
local nodes = {}
for host, port in (os.getenv("NODES") or ""):gmatch("([^:,]+):(%d+)") do
   table.insert(nodes, wrk.lookup(host, port)[1])
end

function setup(thread)
   if #nodes > 0 then thread.addr = nodes[#threads % #nodes + 1] end
   thread:set("number", #threads)
   table.insert(threads, thread)
end

-- `next_booking` of a script whose numbers the next run goes on from.
function done(summary, latency, requests)
   local last = 0
   for _, thread in ipairs(threads) do
      last = math.max(last, thread:get("next_booking") or 0)
   end
   local broken = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
   io.write(string.format(
      'counted: {"requests":%d,"micros":%d,"refused":%d,"broken":%d,"p50":%.1f,"p99":%.1f,"next":%d}\n',
      summary.requests, summary.duration, summary.errors.status, broken,
      latency:percentile(50), latency:percentile(99), last))
end
