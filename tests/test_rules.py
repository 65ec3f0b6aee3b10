"""Every rule's page holds: its bad example has the finding at the marked line, its good one has none."""

import re

import pytest

from meshc.codes import CODES
from meshc.compile import checked, diagnostics, load_mesh
from meshc.rules import Rule, rules
from tests.conformance.certificates import issue

BLOCK = re.compile(r"```yaml (bad|good)\n(.*?)```", re.DOTALL)
CERTIFICATE, _ = issue("shop", names=("www.shop.example",))
HEAD = "apiVersion: meshc/v1\nnamespace: shop\nmesh: {name: shop, trustDomain: shop.example}\n"


def blocks(rule: Rule, kind: str) -> list[str]:
    """The page's examples of one kind, each a whole file."""
    return [text if "apiVersion:" in text else HEAD + text for word, text in BLOCK.findall(rule.doc) if word == kind]


def files(text: str) -> dict[str, bytes]:
    """The mesh, and the certificate that pages speak of: it is for www.shop.example."""
    return {"mesh.yaml": text.encode(), "certs/shop.pem": CERTIFICATE}


def lines_with(code: str, text: str) -> list[int]:
    """Where a file has a code."""
    shown = diagnostics(checked(load_mesh(files(text))))
    return [one.place.span.line for one in shown if one.code == code]


@pytest.mark.parametrize("rule", rules(), ids=lambda one: one.code)
def test_bad_examples_are_found_at_their_line(rule: Rule) -> None:
    """The rule's code stands at each marked line and nowhere else."""
    assert blocks(rule, "bad")
    for text in blocks(rule, "bad"):
        marked = [number for number, line in enumerate(text.splitlines(), 1) if rule.code in line]
        assert marked
        assert marked == lines_with(rule.code, text)


@pytest.mark.parametrize("rule", rules(), ids=lambda one: one.code)
def test_good_examples_are_clean(rule: Rule) -> None:
    """A page's way out has nothing at all to complain of."""
    assert blocks(rule, "good")
    for text in blocks(rule, "good"):
        assert [] == diagnostics(checked(load_mesh(files(text))))


def test_codes_are_unique() -> None:
    """A rule's code is not one of the catalogue's, and its name is no other's."""
    own = [one.code for one in rules()]
    names = [one.name for one in rules()] + [one.name for one in CODES.values()]
    assert set() == set(own) & set(CODES)
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize(
    ("certificate", "says"),
    [
        (issue("shop.example")[0], "certs/shop.pem has no name for shop.example, and none at all"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certs/shop.pem holds no X.509 certificate that can be read"),
    ],
)
def test_certificate_files_are_read(certificate: bytes, says: str) -> None:
    """L14: a common name is no name, and what only looks like PEM is no certificate."""
    text = HEAD + "certificates: {shop: {from: {file: {certificate: certs/shop.pem, key: /k}}, hosts: [shop.example]}}\n"
    found = checked(load_mesh({"mesh.yaml": text.encode(), "certs/shop.pem": certificate})).findings
    assert [("MC602", says)] == [(one.code, one.message) for one in found]


@pytest.mark.parametrize("rule", rules(), ids=lambda one: one.code)
def test_pages_say_what_to_do(rule: Rule) -> None:
    """A page begins with one sentence, then says why it hurts."""
    paragraphs = BLOCK.sub("", rule.doc).strip().split("\n\n")
    assert len(paragraphs) > 1
    assert [True, True] == [one.rstrip().endswith(".") for one in paragraphs[:2]]
