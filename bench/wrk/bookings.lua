-- Bookings for wrk, each another one with a key of its own. Arguments: the data that the bench wrote, how many threads
-- there are, the number of the first booking. The same arithmetic stands in src/http/hospital.rs.

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
   next_booking = tonumber(args[3]) + number
   path = "/v1/appointments"
end

function request()
   local booking = next_booking
   next_booking = booking + step
   local patient = booking % #data.patients
   local nth = math.floor(booking / #data.patients)
   local slot = (nth * data.stepOfBooking + patient * data.stepOfPatient) % #data.starts
   local body = '{"role":"' .. data.roles[patient % #data.roles + 1]
      .. '","patient":"' .. data.patients[patient + 1]
      .. '","start":"' .. data.starts[slot + 1]
      .. '","service":"' .. data.service .. '","reason":"a visit to be measured"}'
   local headers = { ["Content-Type"] = "application/json", ["Idempotency-Key"] = "bench-" .. booking }
   return wrk.format("POST", path, headers, body)
end

function done(summary, latency, requests)
   local last = 0
   for _, thread in ipairs(threads) do
      last = math.max(last, thread:get("next_booking"))
   end
   local broken = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
   io.write(string.format(
      'counted: {"requests":%d,"micros":%d,"refused":%d,"broken":%d,"p50":%.1f,"p99":%.1f,"next":%d}\n',
      summary.requests, summary.duration, summary.errors.status, broken,
      latency:percentile(50), latency:percentile(99), last))
end
