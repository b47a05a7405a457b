-- Changes of patients' contacts for wrk, each with the version that the change before it left: each thread has patients of
-- its own, and goes from one to the next. Arguments as in bookings.lua; the first number is 0.

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

function init(args)
   data = dofile(args[1])
   step = tonumber(args[2])
   own_patients = math.floor(#data.patients / step)
   -- Before it begins wrk asks the first thread for a request to look at, which is never sent.
   turn = number == 0 and -1 or 0
end

function request()
   local this = math.max(turn, 0)
   turn = turn + 1
   local patient = this % own_patients * step + number + 1
   local round = math.floor(this / own_patients)
   local change = this * step + number
   local body = '{"contacts":[{"system":"phone","value":"+44 20 ' .. 70000000 + change .. '"}]}'
   local headers = {
      ["Content-Type"] = "application/json",
      ["Idempotency-Key"] = data.key .. "-" .. change,
      ["If-Match"] = '"' .. data.versions[patient] + round .. '"',
   }
   return wrk.format("PUT", "/v1/patients/" .. data.patients[patient] .. "/contacts", headers, body)
end

function done(summary, latency, requests)
   local broken = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
   io.write(string.format(
      'counted: {"requests":%d,"micros":%d,"refused":%d,"broken":%d,"p50":%.1f,"p99":%.1f,"next":0}\n',
      summary.requests, summary.duration, summary.errors.status, broken,
      latency:percentile(50), latency:percentile(99)))
end
