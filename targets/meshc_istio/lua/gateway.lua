-- What a gateway's listener says to a request before any policy.

-- The value of the pattern that owns the host: exact beats the longest wildcard suffix beats `*`.
local function owner(patterns, host)
  if patterns[host] ~= nil then return patterns[host] end
  local at = host:find(".", 1, true)
  while at do
    local found = patterns["*" .. host:sub(at)]
    if found ~= nil then return found end
    at = host:find(".", at + 1, true)
  end
  return patterns["*"]
end

local function takes(pattern, method, path)
  if pattern.methods and not pattern.methods[method] then return false end
  local segments = {}
  for segment in (path:sub(2) .. "/"):gmatch("([^/]*)/") do segments[#segments + 1] = segment end
  if #segments < #pattern.path or (#segments > #pattern.path and not pattern.below) then return false end
  for at, wanted in ipairs(pattern.path) do
    if wanted == true and segments[at] == "" or wanted ~= true and wanted ~= segments[at] then return false end
  end
  return true
end

local function to_https(handle, host, target)
  for _, port in ipairs(S.https) do
    if owner(port.hosts, host) then
      local shown = port.number == 443 and "" or ":" .. port.number
      return answer(handle, "301", { location = "https://" .. host .. shown .. target })
    end
  end
  return answer(handle, "404")
end

-- What a gateway's listener says before any policy: 421, 404 and the way to https. True where it answered.
local function at_listener(handle, host, method, path, target)
  local info = handle:streamInfo()
  local port = S.ports[tonumber(info:downstreamLocalAddress():match(":(%d+)$"))]
  if info:downstreamSslConnection() ~= nil then
    local mine = port and owner(port.tls, host)
    if not mine or mine ~= owner(port.tls, info:requestedServerName():lower()) then
      answer(handle, "421")
      return true
    end
    return false
  end
  local mine = port and owner(port.plain, host)
  if not mine then
    answer(handle, "404")
    return true
  end
  if not mine.redirect then return false end
  for _, pattern in ipairs(owner(mine.pinned, host) or {}) do
    if takes(pattern, method, path) then return false end
  end
  to_https(handle, host, target)
  return true
end
