-- "20 appointments with patient and doctor" for wrk, each request from another slot on.

require "common"

function init(args)
   data = dofile(args[1])
   step = tonumber(args[2])
   next_slot = tonumber(args[3]) + number
   headers = { ["Content-Type"] = "application/json" }
   query = "query($h:ID,$from:DateTime){appointments(filter:{hospital:$h,from:$from},first:20)"
      .. "{nodes{id status start patient{id name}practitioner{id name}}}}"
end

function request()
   -- The last days are left out, so that there are always 20.
   local start = data.starts[next_slot % math.floor(#data.starts / 2) + 1]
   next_slot = next_slot + step
   local variables = '{"h":"' .. data.hospital .. '","from":"' .. start .. '"}'
   return wrk.format("POST", "/graphql", headers, '{"query":"' .. query .. '","variables":' .. variables .. '}')
end
