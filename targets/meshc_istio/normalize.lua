-- Reads a request once, before everything else: answers what is malformed, spells the path in its one canonical form, drops forged headers.
-- The settings S (methods, reject, bearer, ports) are set by a line before this text.

local function utf8_ok(s)
  local i, n = 1, #s
  while i <= n do
    local a = s:byte(i)
    local more, low, high = 0, 0x80, 0xBF
    if a >= 0x80 then
      if a >= 0xC2 and a <= 0xDF then more = 1
      elseif a >= 0xE0 and a <= 0xEF then
        more = 2
        if a == 0xE0 then low = 0xA0 elseif a == 0xED then high = 0x9F end
      elseif a >= 0xF0 and a <= 0xF4 then
        more = 3
        if a == 0xF0 then low = 0x90 elseif a == 0xF4 then high = 0x8F end
      else
        return false
      end
    end
    for k = 1, more do
      local b = s:byte(i + k)
      if b == nil or b < low or b > high then return false end
      low, high = 0x80, 0xBF
    end
    i = i + more + 1
  end
  return true
end

local function spell(c)
  return string.format("%%%02X", c:byte())
end

local function unescape(hex)
  return string.char(tonumber(hex, 16))
end

-- The canonical spelling of a path, or nil where the answer is 400.
local function canonical(path)
  if path:sub(1, 1) ~= "/" then return nil end
  if not path:find("[^%w_~/.%-]") and not path:find("//", 1, true) and not path:find("/.", 1, true) then return path end
  if path:find("[^\33-\126]") or path:find("[\\#]") then return nil end
  for at in path:gmatch("()%%") do
    local hex = path:match("^%x%x", at + 1)
    if not hex then return nil end
    local byte = tonumber(hex, 16)
    if byte == 0x2F or byte == 0x5C or byte < 0x20 or byte == 0x7F then return nil end
    if S.reject and unescape(hex):find("^[%w._~-]") then return nil end
  end
  local parts, kept = {}, {}
  for part in (path:sub(2) .. "/"):gmatch("([^/]*)/") do parts[#parts + 1] = (part:gsub("%%(%x%x)", unescape)) end
  for at = 1, #parts do
    local part = parts[at]
    if not utf8_ok(part) or part:find("^%.%.?;") then return nil end
    local dots = part == "." or part == ".."
    if S.reject and (dots or (part == "" and at < #parts)) then return nil end
    if not dots then
      kept[#kept + 1] = part
    elseif part == ".." then
      kept[#kept] = nil
    end
    if dots and at == #parts then kept[#kept + 1] = "" end
  end
  local spelled = {}
  for at = 1, #kept do
    if kept[at] ~= "" or at == #kept then
      spelled[#spelled + 1] = "/" .. kept[at]:gsub("[^%w._~!$&'()*+,;=:@-]", spell)
    end
  end
  return table.concat(spelled)
end

local function ipv6_ok(text)
  local tail = text:match("[^:]*$")
  local groups, most = 0, 8
  if tail:find(".", 1, true) then
    local a, b, c, d = tail:match("^(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)$")
    if not a then return false end
    for _, octet in ipairs({ a, b, c, d }) do
      if tonumber(octet) > 255 or octet:find("^0.") then return false end
    end
    text, most = text:sub(1, -#tail - 1), 6
    if text:find("[^:]:$") then text = text:sub(1, -2) end
  end
  local head, rest = text:match("^(.-)::(.*)$")
  for _, part in ipairs({ head or text, rest or "" }) do
    if part ~= "" then
      for group in (part .. ":"):gmatch("([^:]*):") do
        if not group:find("^%x%x?%x?%x?$") then return false end
        groups = groups + 1
      end
    end
  end
  if head then return groups < most end
  return groups == most
end

-- The host without port and trailing dot, and the authority without the dot, both in lower case; nil where it is malformed.
local function read_host(authority)
  local inside, port = authority:match("^%[([%x:.]+)%](:?%d*)$")
  if inside then
    if port == ":" or (port ~= "" and port:sub(1, 1) ~= ":") or not ipv6_ok(inside) then return nil end
    return "[" .. inside:lower() .. "]", authority:lower()
  end
  local name, digits = authority:match("^([^:]*)(:%d+)$")
  name = name or authority
  local bare = name:sub(-1) == "." and name:sub(1, -2) or name
  if not bare:find("^[%w_.-]+$") or bare:find("..", 1, true) or bare:sub(1, 1) == "." or bare:sub(-1) == "." then return nil end
  return bare:lower(), bare:lower() .. (digits or "")
end

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

local function answer(handle, status, more)
  local headers = more or {}
  headers[":status"] = status
  handle:respond(headers, "")
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

local function unauthenticated(handle)
  answer(handle, "401", { ["www-authenticate"] = "Bearer" })
end

-- Envoy joins the lines of this field by commas: a part that is no `name=value` of the first line's scheme is a line of its own.
local function several_lines(value)
  local rest = value:gsub('"[^"]*"', ""):match(",(.*)")
  for part in ((rest or "=") .. ","):gmatch("([^,]*),") do
    if not part:find("^[ \t]*[%w!#$%%&'*+.^_`|~-]*[ \t]*=") then return true end
  end
  return false
end

-- Only `Bearer ` and a token is one; what the token filter would dig out of another scheme is kept from it.
local function check_bearer(handle, headers)
  local value = headers:get("authorization")
  if value == nil then return end
  if headers:getNumValues("authorization") > 1 or several_lines(value) then
    return unauthenticated(handle)
  end
  if value:sub(1, 7) == "Bearer " then
    if value:find("^[%w_.=-]+$", 8) then return end
    return unauthenticated(handle)
  end
  headers:add("x-meshc-authorization", value)
  headers:remove("authorization")
end

local function drop_forged(headers)
  local forged = {}
  for name in pairs(headers) do
    if name:find("^x%-meshc%-") or (name:find("^x%-envoy%-") and not name:find("^x%-envoy%-peer%-metadata")) then forged[#forged + 1] = name end
  end
  for _, name in ipairs(forged) do headers:remove(name) end
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local method = headers:get(":method")
  if not S.methods[method] then return answer(handle, "405") end
  local target = headers:get(":path") or ""
  local raw, query = target:match("^([^?]*)(.*)$")
  local path = canonical(raw)
  local host, authority = read_host(headers:get(":authority") or "")
  if not path or not host then return answer(handle, "400") end
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
