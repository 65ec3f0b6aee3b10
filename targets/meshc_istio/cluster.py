"""Whether a cluster's MeshConfig has the settings that the output relies on, read from what `kubectl get configmap` prints."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import yaml

from meshc.model import Mesh
from meshc.target import Setting, Settings, SettingsError
from meshc_istio.control_plane import values

FROM: Final = "kubectl get configmap istio -n istio-system -o yaml"
"""What prints a cluster's MeshConfig."""

INTO: Final = "the values of istiod's Helm chart"

EXPECTED: Final = f"expected the ConfigMap that `{FROM}` prints, or the MeshConfig in it"

_Path = tuple[str, ...]

# What Istio takes where nothing is said (its DefaultMeshConfig), and zeros of plain proto fields, which need not be written.
_DEFAULTS: Final[Mapping[_Path, object]] = {
    ("trustDomain",): "cluster.local",
    ("defaultHttpRetryPolicy", "attempts"): 0,
    ("global", "proxy", "clusterDomain"): "cluster.local",
}

_SPELLINGS: Final = "other spellings of a path, such as `//` or `%2F`, get past policies"
_WHY: Final[Mapping[str, str]] = {
    "trustDomain": "callers have identities that no policy names, and are refused",
    "defaultHttpRetryPolicy": "proxies repeat requests that the mesh does not say to retry",
    "pathNormalization": _SPELLINGS,
    "defaultConfig.connectionSettings": _SPELLINGS,
    "defaultConfig.proxyMetadata": "names that the mesh alone knows do not resolve",
    "extensionProviders": "nothing is logged or traced there",
}
_MAX_DIGITS: Final = 1000
_WANTED: Final = 200  # characters of a wanted setting on one line; the remedy has it whole
_SHOWN: Final = 80  # characters of what a setting is instead


def check_settings(mesh: Mesh, text: bytes) -> Settings:
    """What this text, a cluster's ConfigMap or MeshConfig, says of the settings that the mesh relies on."""
    whole = values(mesh)
    wanted = {"trustDomain": mesh.trust_domain, **whole.get("meshConfig", {})}  # values may leave out what is Istio's default
    there = mesh_config(text)
    if "pathNormalization" not in wanted and _normalization(there) == "NONE":
        wanted["pathNormalization"] = {"normalization": "BASE"}  # Istio's default, and all others but this one remove dot segments
    lacking = tuple(_lacking(wanted, there, ()))
    unseen = tuple(
        f"{'.'.join(path)}: {_flow(value)}"
        for path, value in _leaves(whole, ())
        if path[0] != "meshConfig" and _DEFAULTS.get(path) != value
    )
    return Settings(tuple(_names(wanted)), lacking, _remedy(wanted, there, lacking), unseen)


def _normalization(there: Mapping[str, Any]) -> object:
    found = _field(there, "pathNormalization")
    return _field(found, "normalization") if isinstance(found, dict) else None


# --- reading --------------------------------------------------------------------------------------------------------------------


def mesh_config(text: bytes) -> dict[str, Any]:
    """The MeshConfig in a ConfigMap, in a list of them, or alone; YAML or JSON."""
    try:
        documents = [one for one in _documents(text.decode("utf-8-sig")) if one is not None]
    except UnicodeDecodeError as error:
        raise SettingsError(f"not UTF-8 text, {EXPECTED}") from error
    if not documents:
        raise SettingsError(f"nothing in it, {EXPECTED}")
    held = [_inside(one) for document in documents for one in _objects(document)]
    found = [one for one in held if not isinstance(one, str)]
    if not found:
        raise SettingsError(f"{next((one for one in held if isinstance(one, str)), 'an empty list')}, {EXPECTED}")
    if len(found) > 1:
        raise SettingsError(f"{len(found)} MeshConfigs, expected one: each revision of Istio has its own, so name it")
    return found[0]


def _documents(text: str, inner: str = "") -> list[Any]:
    """All documents of a text; `inner` names a text that stands in another, whose lines are not those of the file."""
    if text.lstrip().startswith("{"):
        try:
            return [json.loads(text)]  # JSON may be indented with tabs, YAML may not
        except (ValueError, RecursionError):
            pass
    try:
        return list(yaml.load_all(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        problem = " ".join((error.problem or "something that no YAML reader takes").split())
        where = f" (its line {line})" if inner and line else ""
        raise SettingsError(f"{inner}not valid YAML: {problem}{where}", 0 if inner else line) from error
    except Exception as error:  # PyYAML's constructors fail in any way on dates, numbers and tags that only look like some
        raise SettingsError(f"{inner}not valid YAML, or nested too deeply") from error


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # whichever PyYAML was built with
    """YAML as Istio reads it (1.1), with numbers that can be written again."""

    def construct_yaml_int(self, node: yaml.ScalarNode) -> object:
        """A number; one that is longer than any that Python prints stays text."""
        return node.value if len(node.value) > _MAX_DIGITS else super().construct_yaml_int(node)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


def _objects(document: Any) -> Iterator[Any]:  # noqa: ANN401 - YAML data
    """A document, or what a list of kubectl's holds."""
    items = document.get("items") if isinstance(document, dict) and str(document.get("kind")).endswith("List") else None
    if isinstance(items, list):
        yield from items
    else:
        yield document


def _inside(one: Any) -> dict[str, Any] | str:  # noqa: ANN401 - YAML data
    """The MeshConfig that an object holds, or what it is instead."""
    if not isinstance(one, dict):
        return f"{_short(one)} is no map"
    kind = one.get("kind")
    if kind == "ConfigMap" or isinstance(one.get("data"), dict):
        data = one.get("data")
        if not isinstance(data, dict) or not isinstance(data.get("mesh"), str):
            about = one.get("metadata")
            name = f" {about['name']}" if isinstance(about, dict) and isinstance(about.get("name"), str) else ""
            return f"ConfigMap{name} has no `data.mesh`"
        inner = [part for part in _documents(data["mesh"], inner="`data.mesh` is ") if part is not None]
        if not inner:
            return {}
        return inner[0] if len(inner) == 1 and isinstance(inner[0], dict) else "`data.mesh` is no single map"
    if kind is not None or "apiVersion" in one:
        return f"an object of {'kind' if kind is not None else 'apiVersion'} {_short(one['apiVersion'] if kind is None else kind)}"
    if "meshConfig" in one:
        return "Helm values, which say what is asked for and not what the cluster has"
    return one


# --- comparing ------------------------------------------------------------------------------------------------------------------


def _lacking(wanted: Mapping[str, Any], there: Mapping[str, Any], path: _Path) -> Iterator[Setting]:
    for key, value in wanted.items():
        here, found = (*path, key), _field(there, key)
        if found is None or found == "":
            found = _DEFAULTS.get(here)
        if found is None:
            yield _setting(here, value, None)
        elif isinstance(value, dict) and isinstance(found, dict):
            yield from _lacking(value, found, here)
        elif _is_named(value) and isinstance(found, list):
            yield from _lacking_items(value, found, here)
        elif not _equal(value, found):
            yield _setting(here, value, found)


def _lacking_items(wanted: Sequence[Mapping[str, Any]], there: Sequence[Any], path: _Path) -> Iterator[Setting]:
    """Things of a list are the same thing by their name, wherever they stand; a thing that differs is shown whole."""
    by_name = {_field(one, "name"): one for one in there if isinstance(one, dict) and isinstance(_field(one, "name"), str)}
    for one in wanted:
        found = by_name.get(one["name"])
        if found is None or next(_lacking(one, found, path), None) is not None:
            yield _setting((*path[:-1], f"{path[-1]}[{one['name']}]"), one, found)


def _field(there: Mapping[str, Any], key: str) -> Any:  # noqa: ANN401 - YAML data
    """A field by its name in JSON or in the proto file: Istio reads both."""
    return there.get(key, there.get(re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", key)))


def _is_named(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) and "name" in one for one in value)


def _equal(wanted: object, found: object) -> bool:
    """Numbers may be written as text; a truth value is no number."""
    if isinstance(wanted, bool) or isinstance(found, bool):
        return wanted is found
    if isinstance(wanted, int | float) and isinstance(found, str):
        return str(wanted) == found
    return wanted == found


def _setting(path: _Path, wanted: Any, found: object | None) -> Setting:  # noqa: ANN401 - YAML data
    name = ".".join(path)
    why = next((why for prefix, why in _WHY.items() if name.startswith(prefix)), "the build relies on it")
    return Setting(name, _short(wanted, _WANTED), None if found is None else _short(found), why)


def _names(wanted: Mapping[str, Any], path: _Path = ()) -> Iterator[str]:
    """What is looked for, by names that a person would use."""
    for key, value in wanted.items():
        if key == "defaultConfig" and isinstance(value, dict):
            yield from _names(value, (*path, key))
        elif _is_named(value):
            yield from (".".join((*path, f"{key}[{one['name']}]")) for one in value)
        else:
            yield ".".join((*path, key))


def _leaves(value: Any, path: _Path) -> Iterator[tuple[_Path, Any]]:  # noqa: ANN401 - YAML data
    if isinstance(value, dict):
        for key in value:
            yield from _leaves(value[key], (*path, key))
    else:
        yield path, value


# --- writing --------------------------------------------------------------------------------------------------------------------


def _remedy(wanted: Mapping[str, Any], there: Mapping[str, Any], lacking: Sequence[Setting]) -> str:
    """What is lacking as one YAML text. Helm replaces lists whole, so that a list has what the cluster has in it too."""
    names = {one.name for one in lacking}
    rest = _rest(wanted, there, (), names)
    return yaml.dump({"meshConfig": rest}, Dumper=_DUMPER, sort_keys=False, default_flow_style=False, width=10_000) if rest else ""


class _Dumper(yaml.SafeDumper):
    """Plain data with lists indented below their key, as people write values."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - its signature
        super().increase_indent(flow, False)  # noqa: FBT003 - as above


_DUMPER: Final = _Dumper


def _rest(wanted: Mapping[str, Any], there: Mapping[str, Any], path: _Path, names: set[str]) -> dict[str, Any]:
    rest: dict[str, Any] = {}
    for key, value in wanted.items():
        here, found = ".".join((*path, key)), _field(there, key)
        if here in names:
            rest[key] = value
        elif _is_named(value) and any(f"{here}[{one['name']}]" in names for one in value):
            ours = [one["name"] for one in value]
            rest[key] = [*(one for one in found if not (isinstance(one, dict) and _field(one, "name") in ours)), *value]
        elif isinstance(value, dict) and isinstance(found, dict) and (below := _rest(value, found, (*path, key), names)):
            rest[key] = below
    return rest


def _flow(value: Any) -> str:  # noqa: ANN401 - YAML data
    """A value on one line."""
    return (
        yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=1_000_000, allow_unicode=True).removesuffix("...\n").strip()
    )


def _short(value: Any, longest: int = _SHOWN) -> str:  # noqa: ANN401 - YAML data
    text = _flow(value)
    return text if len(text) <= longest else f"{text[:longest]}..."
