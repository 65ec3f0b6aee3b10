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

local function drop_forged(headers)
  local forged = {}
  for name in pairs(headers) do
    if name:find("^x%-meshc%-") or (name:find("^x%-envoy%-") and not name:find("^x%-envoy%-peer%-metadata")) then forged[#forged + 1] = name end
  end
  for _, name in ipairs(forged) do headers:remove(name) end
end

local function answer(handle, status, more)
  local headers = more or {}
  headers[":status"] = status
  handle:respond(headers, "")
end
