"""How a file of a mesh looks when it is tidy: the same YAML, comments kept, with one indentation and no stray blanks."""

import io

from meshc.source import parse

WIDTH = 10_000  # lines are the author's: nothing is folded


class UntidyError(ValueError):
    """A text that can't be laid out anew without a change of meaning; the message says what the matter is."""


def tidy(file: str, content: bytes) -> bytes:
    """
    The file laid out anew: two blanks a level, list items indented below their key, no trailing blanks, one line end.

    Comments (those behind a value in their column), quotes, flow maps and the order of keys stay. The result means the same tree, which
    is checked; bytes that are no sound YAML are an UntidyError, since `meshc lint` says what is wrong with them.
    """
    before, wrong = parse(file, content)
    if before is None or wrong:
        raise UntidyError(wrong[0].message if wrong else "it can't be read")
    laid_out = _laid_out(before.text)
    after, _ = parse(file, laid_out)
    if after is None or after.data != before.data:
        raise UntidyError("its layout can't be changed without its meaning")
    return laid_out


def _laid_out(text: str) -> bytes:
    from ruamel.yaml import YAML  # noqa: PLC0415 - only this command pays for it
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415 - as above

    round_trip = YAML(typ="rt")
    round_trip.preserve_quotes = True
    round_trip.width = WIDTH
    round_trip.brace_single_entry_mapping_in_flow_sequence = True  # `[{a: b}]` is not spelt `[a: b]`
    round_trip.indent(mapping=2, sequence=4, offset=2)
    written = io.StringIO()
    try:
        round_trip.dump(round_trip.load(text.replace("\r\n", "\n")), written)
    except YAMLError as error:
        raise UntidyError("a reader of YAML 1.2 can't lay it out") from error
    lines = [line.rstrip(" \t") for line in written.getvalue().splitlines()]
    return ("\n".join(lines).rstrip("\n") + "\n").encode()
