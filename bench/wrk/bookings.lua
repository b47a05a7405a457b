-- Bookings for wrk, each another one with a key of its own. The same arithmetic stands in
-- src/http/hospital.rs.

require "common"

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
