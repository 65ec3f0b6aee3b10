-- Gives back what `bearer.lua` kept from the token filter.

function envoy_on_request(handle)
  local headers = handle:headers()
  local value = headers:get("x-meshc-authorization")
  if value ~= nil then
    headers:add("authorization", value)
    headers:remove("x-meshc-authorization")
  end
end
