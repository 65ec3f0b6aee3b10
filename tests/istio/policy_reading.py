"""How a proxy under Istio reads AuthorizationPolicies and the filters beside them: a reading of what is documented of both."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any, Final

from meshc_istio.objects import Object

_PCHAR: Final = r"A-Za-z0-9._~%!$&'()*+,;=:@\-"  # what a template's wildcard takes: no bracket (measured)
_KEY: Final = re.compile(r"([a-z.]+)((?:\[[^]]*])*)")
_BITS: Final = "experimental.envoy.filters.http.rbac"
_HTTP_KEYS: Final = frozenset({"hosts", "notHosts", "methods", "notMethods", "paths", "notPaths"})


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as a proxy has it when policies look at it, or (`http` false) a connection, which has a port and a principal only."""

    path: str = "/"
    query: str | None = None
    method: str = "GET"
    host: str = "users.shop"
    port: int = 80
    headers: tuple[tuple[str, str], ...] = ()
    principal: str | None = None  # as policies write it: without `spiffe://`
    address: str = "192.0.2.1"
    claims: Mapping[str, Any] | None = None  # of a valid token
    http: bool = True

    def lines(self, name: str) -> list[str]:
        """The values of a field's lines; those that begin with a colon are the request's own."""
        own = {":path": self.path if self.query is None else f"{self.path}?{self.query}", ":authority": self.host, ":method": self.method}
        return [own[name]] if name in own else [value for field, value in self.headers if field == name]


def admits(objects: Iterable[Object], namespace: str, labels: Mapping[str, str], seen: Seen, *, filters: bool = True) -> bool:
    """Whether a workload with those labels lets it in; without `filters` its proxy has none of the EnvoyFilters."""
    mine = [one for one in objects if one.namespace == namespace and _selector(one).items() <= labels.items()]
    chain = [http for one in mine if one.kind == "EnvoyFilter" and filters and seen.http for http in _rbac_filters(one)]
    bits = {}
    for http in chain:
        if "rules" in http and _policies_hold(http["rules"], seen):  # these deny
            return False
        if "shadow_rules" in http:
            held = "allowed" if _policies_hold(http["shadow_rules"], seen) else "denied"
            bits[f"{http['shadow_rules_stat_prefix']}shadow_engine_result"] = held
    policies = [one.spec for one in mine if one.kind == "AuthorizationPolicy"]
    denies = [spec for spec in policies if spec.get("action") == "DENY"]
    allows = [spec for spec in policies if spec.get("action", "ALLOW") == "ALLOW"]
    if any(_holds(rule, seen, bits, denies=True) for spec in denies for rule in spec.get("rules", ())):
        return False
    return not allows or any(_holds(rule, seen, bits, denies=False) for spec in allows for rule in spec.get("rules", ()))


def _selector(one: Object) -> dict[str, str]:
    selector = one.spec.get("selector", one.spec.get("workloadSelector", {}))
    labels: dict[str, str] = selector.get("matchLabels", selector.get("labels", {})) if "hosts" not in one.spec else {}
    return labels


# --- policies -------------------------------------------------------------------------------------------------------------------


def _holds(rule: Mapping[str, Any], seen: Seen, bits: Mapping[str, str], *, denies: bool) -> bool:
    """On a connection without requests a rule of an ALLOW that reads requests never holds, and a DENY forgets what it reads of them."""
    operations = [one["operation"] for one in rule.get("to", ())]
    conditions = rule.get("when", [])
    if not seen.http:
        reads = any(operation.keys() & _HTTP_KEYS for operation in operations) or any(_reads_http(one) for one in conditions)
        if reads and not denies:
            return False
        operations = [{key: value for key, value in operation.items() if key not in _HTTP_KEYS} for operation in operations]
        conditions = [one for one in conditions if not _reads_http(one)]
    return (
        ("from" not in rule or any(_source(one["source"], seen) for one in rule["from"]))
        and ("to" not in rule or any(_operation(one, seen) for one in operations))
        and all(_condition(one, seen, bits) for one in conditions)
    )


def _reads_http(condition: Mapping[str, Any]) -> bool:
    return str(condition["key"]).startswith("request.")


def _source(source: Mapping[str, Any], seen: Seen) -> bool:
    principal = seen.principal or ""
    checks: dict[str, Callable[[list[str]], bool]] = {
        "principals": lambda wanted: any(_string(one, principal) for one in wanted),
        "notPrincipals": lambda banned: not any(_string(one, principal) for one in banned),
        "remoteIpBlocks": lambda blocks: any(ip_address(seen.address) in ip_network(block) for block in blocks),
    }
    return all(checks[key](value) for key, value in source.items())


def _operation(operation: Mapping[str, Any], seen: Seen) -> bool:
    checks: dict[str, Callable[[list[str]], bool]] = {
        "ports": lambda ports: str(seen.port) in ports,
        "notPorts": lambda ports: str(seen.port) not in ports,
        "hosts": lambda hosts: any(_string(one.lower(), seen.host.lower()) for one in hosts),
        "methods": lambda methods: any(_string(one, seen.method) for one in methods),
        "paths": lambda paths: any(_path(one, seen.path) for one in paths),
        "notPaths": lambda paths: not any(_path(one, seen.path) for one in paths),
    }
    return all(checks[key](value) for key, value in operation.items())


def _string(wanted: str, value: str) -> bool:
    """Exact, `*` for whatever is there, `prefix*` or `*suffix`."""
    if wanted == "*":
        return bool(value)
    if wanted.startswith("*"):
        return value.endswith(wanted[1:])
    return value.startswith(wanted[:-1]) if wanted.endswith("*") else value == wanted


def _path(wanted: str, path: str) -> bool:
    if "{*}" not in wanted and "{**}" not in wanted:
        return _string(wanted, path)
    parts = re.split(r"(\{\*\*?\})", wanted)
    expression = "".join({"{*}": f"[{_PCHAR}]+", "{**}": f"[{_PCHAR}/]*"}.get(part) or re.escape(part) for part in parts)
    return re.fullmatch(expression, path) is not None


def _condition(condition: Mapping[str, Any], seen: Seen, bits: Mapping[str, str]) -> bool:
    key = _KEY.fullmatch(condition["key"])
    assert key is not None, condition
    name, path = key.group(1), re.findall(r"\[([^]]*)]", key.group(2))
    if name == "request.headers":
        found = seen.lines(path[0])
    elif name == "request.auth.claims":
        found = _claim(seen.claims, path)
    else:
        assert name == _BITS, condition
        found = [bits[path[0]]] if path[0] in bits else []
    holds = any(_present(wanted, value) for wanted in condition.get("values", condition.get("notValues", ())) for value in found)
    return holds if "values" in condition else not holds


def _present(wanted: str, value: str) -> bool:
    """`*` is an empty value too."""
    return wanted == "*" or _string(wanted, value)


def _claim(claims: Mapping[str, Any] | None, path: list[str]) -> list[str]:
    found: Any = claims
    for step in path:
        found = found.get(step) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return found.split(" ") if path == ["scope"] else [found]
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


# --- filters --------------------------------------------------------------------------------------------------------------------


def _rbac_filters(one: Object) -> list[dict[str, Any]]:
    """What Envoy's RBAC filters of an EnvoyFilter say of requests that come in, the first in the chain first."""
    patches = [patch for patch in one.spec["configPatches"] if patch["match"]["context"] != "SIDECAR_OUTBOUND"]
    values = [patch["patch"]["value"] for patch in reversed(patches) if patch["applyTo"] == "HTTP_FILTER"]
    return [value["typed_config"] for value in values if value["typed_config"]["@type"].endswith("rbac.v3.RBAC")]


def _policies_hold(rules: Mapping[str, Any], seen: Seen) -> bool:
    return any(permission_holds(one, seen) for policy in rules["policies"].values() for one in policy["permissions"])


def permission_holds(tree: Mapping[str, Any], seen: Seen) -> bool:
    """Whether a permission of Envoy's RBAC holds."""
    match tree:
        case {"any": True}:
            return True
        case {"not_rule": inner}:
            return not permission_holds(inner, seen)
        case {"and_rules": {"rules": rules}}:
            return all(permission_holds(one, seen) for one in rules)
        case {"or_rules": {"rules": rules}}:
            return any(permission_holds(one, seen) for one in rules)
        case {"url_path": {"path": wanted}}:
            return _matcher(wanted, seen.path)
        case {"header": {"name": name, "present_match": True}}:
            return bool(seen.lines(name))
        case {"header": {"name": name, "string_match": wanted}}:
            return any(_matcher(wanted, line) for line in seen.lines(name))
        case _:
            raise AssertionError(f"a permission that this reading does not know: {tree}")


def _matcher(wanted: Mapping[str, Any], value: str) -> bool:
    match wanted:
        case {"exact": text}:
            return value == str(text)
        case {"prefix": text}:
            return value.startswith(str(text))
        case {"safe_regex": {"regex": expression}}:
            return re.fullmatch(expression, value) is not None
        case _:
            raise AssertionError(f"a string matcher that this reading does not know: {wanted}")
