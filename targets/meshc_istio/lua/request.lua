-- What is done with a request, in order. `at_listener`, `check_bearer` and `outside_authority` are there where the settings ask for them.

function envoy_on_request(handle)
  local headers = handle:headers()
  local method = headers:get(":method")
  if not S.methods[method] then return answer(handle, "405") end
  local target = headers:get(":path") or ""
  local raw, query = target:match("^([^?]*)(.*)$")
  local path = canonical(raw)
  local host, authority = read_host(headers:get(":authority") or "")
  if not path or not host then return answer(handle, "400") end
  if S.outside then authority = outside_authority(handle, host) or authority end
  if path ~= raw then headers:replace(":path", path .. query) end
  if authority ~= headers:get(":authority") then headers:replace(":authority", authority) end
  drop_forged(headers)
  if S.ports and at_listener(handle, host, method, path, path .. query) then return end
  if S.peer then
    local address = handle:streamInfo():downstreamDirectRemoteAddress()
    handle:streamInfo():dynamicMetadata():set("meshc", "peer", (address:gsub(":%d+$", "")))
  end
  if S.bearer then check_bearer(handle, headers) end
end
