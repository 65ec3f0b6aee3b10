-- What is a token, where a check point reads them.

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
