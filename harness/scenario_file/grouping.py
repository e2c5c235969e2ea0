"""Nodes back in the fleets that a file writes as one table each: numbered names, addresses and phases in a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeAlias

from fake_fdl_nodes.fleet import NodeSetup

__all__ = ["Group", "grouped", "phases"]

#: Nodes that stand beside each other.
Group: TypeAlias = Sequence[NodeSetup]


def grouped(nodes: Group, *, at_least: int = 0) -> list[Group]:
    """Return ``nodes`` in groups, each of which one table can express: the fewest, but ``at_least`` so many."""
    groups = _fewest(nodes)
    while len(groups) < at_least and any(len(group) > 1 for group in groups):
        k = next(k for k, group in enumerate(groups) if len(group) > 1)
        groups[k : k + 1] = [*_fewest(groups[k][:-1]), groups[k][-1:]]
    return groups


def _fewest(nodes: Group) -> list[Group]:
    groups: list[Group] = []
    done = 0
    while done < len(nodes):
        run = _run(nodes[done:])
        while phases(run) is None:
            run = run[: _steady(run)] if _steady(run) < len(run) else run[:1]
        groups.append(run)
        done += len(run)
    return groups


def _run(nodes: Group) -> Group:
    """Return those of the first nodes that are numbered from 1 and otherwise alike."""
    stem, number = nodes[0].name[:-1], nodes[0].name[-1]
    if number != "1" or not stem.endswith("-") or nodes[0].clone_of is not None:
        return nodes[:1]
    first = replace(nodes[0], register_us=None)
    alike = 1
    while alike < len(nodes):
        node = nodes[alike]
        if replace(first, name=f"{stem}{alike + 1}", address=first.address + alike) != replace(node, register_us=None):
            break
        if (node.register_us is None) != (nodes[0].register_us is None):
            break
        alike += 1
    return nodes[:alike]


def _steady(run: Group) -> int:
    """Return how many of the first nodes are registered at equal distances."""
    at_us = [node.register_us or 0 for node in run]
    gaps = [later - earlier for earlier, later in pairwise(at_us)]
    return 1 + next((k for k, gap in enumerate(gaps) if gap != gaps[0]), len(gaps))


def phases(run: Group) -> dict[str, int] | None:
    """Return the key that spreads the registrations of ``run`` as they are, none if all are at once.

    ``None`` if no key of `fake_fdl_nodes.fleet.fleet` does.
    """
    count = len(run)
    offsets = [(node.register_us or 0) - (run[0].register_us or 0) for node in run]
    if min(offsets) < 0:
        return None
    if _steady(run) == count:
        return {"spread": offsets[1]} if count > 1 and offsets[1] else {}
    # Node k of n is registered (stretch * k) // n later.
    least = max(-(-offset * count // k) for k, offset in enumerate(offsets) if k)
    most = min((-(-(offset + 1) * count // k) - 1) for k, offset in enumerate(offsets) if k)
    return None if least > most else {"spread_over": _roundest(least, most)}


def _roundest(least: int, most: int) -> int:
    """Return the duration between the two with the most zeros to its end, as people count."""
    for unit in (86_400_000_000, 3_600_000_000, 60_000_000, 1_000_000, 1_000, 1):
        if most // unit * unit >= least:
            return most // unit * unit
    return most
