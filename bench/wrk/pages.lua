-- Pages of a list for wrk, over GraphQL: the bodies that the bench wrote, one after the other, each thread beginning at
-- another. Arguments as in bookings.lua.

local threads = {}

function setup(thread)
   thread:set("number", #threads)
   table.insert(threads, thread)
end

function init(args)
   local headers = { ["Content-Type"] = "application/json" }
   step = tonumber(args[2])
   next_page = tonumber(args[3]) + number
   pages = {}
   -- Put together once: what is measured is the servers, not this script.
   for _, body in ipairs(dofile(args[1]).bodies) do
      table.insert(pages, wrk.format("POST", "/graphql", headers, body))
   end
end

function request()
   local page = pages[next_page % #pages + 1]
   next_page = next_page + step
   return page
end

function done(summary, latency, requests)
   local broken = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
   io.write(string.format(
      'counted: {"requests":%d,"micros":%d,"refused":%d,"broken":%d,"p50":%.1f,"p99":%.1f,"next":0}\n',
      summary.requests, summary.duration, summary.errors.status, broken,
      latency:percentile(50), latency:percentile(99)))
end
