-- Names below a wildcard outside are resolved by the proxy, which would go to the port in the Host: it is the one that was called (L5).

local function outside_authority(handle, host)
  local at = host:find(".", 1, true)
  while at do
    local ports = S.outside["*" .. host:sub(at)]
    if ports then
      local shown = ports[tonumber(handle:streamInfo():downstreamLocalAddress():match(":(%d+)$"))]
      return shown and host .. shown
    end
    at = host:find(".", at + 1, true)
  end
end

