"""What may stand in the files that a mesh names: key sets and certificates are public, and a private key among them is never repeated."""

import base64
import binascii
import json
import posixpath
import re
from typing import Any, Final

from meshc.resolve.names import Place, ReadFile

_CERTIFICATE: Final = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
_PRIVATE: Final = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----")
_PRIVATE_JWK: Final = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth", "k"))  # RFC 7518 sections 6.2.2, 6.3.2 and 6.4


def mesh_path(name: str, place: Place) -> str | None:
    """A file's path from the mesh's folder; None where it leads out of it, which is said."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(place.origin.file), name))
    if name.startswith("/") or path.startswith("../") or path in (".", "..") or "\\" in name or "\0" in name:
        place.error("MC025", f"file {name!r} is not inside the mesh's folder, expected a relative path that stays in it")
        return None
    return path


def read_text(name: str, place: Place, read_file: ReadFile) -> tuple[str, str] | None:
    """The path and text of a file that the spec names, without private keys; None where it can't be had, which is said."""
    path = mesh_path(name, place)
    if path is None:
        return None
    content = read_file(place.origin, name)
    if content is None:
        place.error("MC025", f"file {name!r} is not there, or can't be read", "its path is relative to the file that names it")
        return None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        place.error("MC012", f"file {name!r} is not UTF-8 text")
        return None
    if _PRIVATE.search(text):
        _private(name, place)
        return None
    return path, text


def _private(name: str, place: Place) -> None:
    help_ = "take the private key out of the file and out of the repository's history, and make a new one: it is no longer secret"
    place.error("MC124", f"file {name!r} holds a private key, expected public keys only", help_)


def read_pem(name: str, place: Place, read_file: ReadFile) -> tuple[str, str] | None:
    """The path and text of a PEM file with at least one certificate."""
    read = read_text(name, place, read_file)
    if read is None:
        return None
    bodies = _CERTIFICATE.findall(read[1])
    if not bodies or not all(_is_base64(body) for body in bodies):
        place.error("MC012", f"file {name!r} holds no PEM certificate, expected `-----BEGIN CERTIFICATE-----`")
        return None
    return read


def _is_base64(body: str) -> bool:
    try:
        return bool(base64.b64decode("".join(body.split()), validate=True))
    except (binascii.Error, ValueError):
        return False


def read_jwks(name: str, place: Place, read_file: ReadFile) -> str | None:
    """The text of a JSON Web Key Set, one spelling for one meaning."""
    read = read_text(name, place, read_file)
    if read is None:
        return None
    try:
        data: Any = json.loads(read[1])
    except (ValueError, RecursionError):
        place.error("MC012", f'file {name!r} is not JSON, expected a key set `{{"keys": [...]}}`')
        return None
    keys = data.get("keys") if isinstance(data, dict) else None
    if not isinstance(keys, list) or not keys or not all(isinstance(key, dict) and isinstance(key.get("kty"), str) for key in keys):
        place.error("MC012", f'file {name!r} has no keys, expected a key set `{{"keys": [{{"kty": ...}}]}}`')
        return None
    if any(_PRIVATE_JWK & key.keys() for key in keys):
        _private(name, place)
        return None
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
