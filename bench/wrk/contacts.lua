-- Changes of patients' contacts for wrk, each with the version that the change before it left: each thread has patients of
-- its own, and goes from one to the next.

require "common"

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
