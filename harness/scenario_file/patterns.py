"""From the nodes that an event or an expectation means to the pattern that a person would write for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network

from harness.problems import Mistake
from harness.scenario_file import values

__all__ = ["pattern_for"]


def pattern_for(wanted: tuple[str, ...], names: Sequence[str], addresses: Mapping[str, int]) -> str | None:
    """Return the name, pattern or subnet that means just the ``wanted`` nodes, in order.

    ``None`` if none of those that people write does: what the names have in common with ``*`` or ``?`` for the rest.

    :param names: all nodes, in order.
    :param addresses: the first address of each.
    """
    if len(wanted) == 1:
        return wanted[0]
    for pattern in _patterns(wanted, addresses) if wanted else ():
        try:
            if values.nodes_matching(pattern, names, addresses) == wanted:
                return pattern
        except Mistake:  # It matches nothing.
            continue
    return None


def _patterns(names: Sequence[str], addresses: Mapping[str, int]) -> Iterator[str]:
    """Yield patterns that match all of ``names``, the plain ones first; and the smallest subnet that has them."""
    yield "*"
    # What they all begin with, then what the rests all end with: it is not counted twice.
    start = _common_start(names)
    rests = [name[len(start) :] for name in names]
    end = _common_start([rest[::-1] for rest in rests])[::-1]
    middles = [rest[: len(rest) - len(end)] for rest in rests]
    yield from (f"{start}*", f"*{end}", f"{start}*{end}")
    if len({len(name) for name in names}) == 1:
        yield "".join(letters[0] if len(set(letters)) == 1 else "?" for letters in zip(*names, strict=True))
    known = [addresses[name] for name in names if name in addresses]
    if known:
        bits = (min(known) ^ max(known)).bit_length()
        yield str(IPv4Network((IPv4Address(min(known) >> bits << bits), 32 - bits)))
    yield f"{start}{'?' * min(map(len, middles))}*{end}"
    if inner := _common_part(middles):
        yield f"{start}*{inner}*{end}"


def _common_part(texts: Sequence[str]) -> str:
    """Return the longest text that stands in all of ``texts``, the first of several."""
    shortest = min(texts, key=len)
    for length in range(len(shortest), 0, -1):
        for first in range(len(shortest) - length + 1):
            part = shortest[first : first + length]
            if all(part in text for text in texts):
                return part
    return ""


def _common_start(texts: Sequence[str]) -> str:
    """Return what all of ``texts`` begin with."""
    least, most = min(texts), max(texts)
    same = next((k for k, (one, other) in enumerate(zip(least, most, strict=False)) if one != other), len(least))
    return least[:same]
