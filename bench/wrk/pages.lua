-- Pages of a list for wrk, over GraphQL: the bodies that the bench wrote, one after the other, each thread beginning at
-- another.

require "common"

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
