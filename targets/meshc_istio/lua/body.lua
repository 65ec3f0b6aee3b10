-- Counts a body that the buffer filter before this one let pass: that one misses what comes whole in one frame of HTTP/2.
-- A line before this text sets LIMIT, or ROUTES: limits by the name of the route that took the request.

function envoy_on_request(handle)
  local limit = LIMIT or ROUTES[handle:streamInfo():routeName()]
  if not limit then return end
  local length = tonumber(handle:headers():get("content-length"))
  if not length then
    local body = handle:body()
    length = body and body:length() or 0
  end
  if length > limit then handle:respond({ [":status"] = "413" }, "") end
end
