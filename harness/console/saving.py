"""A world as a scenario file: what was done, and what was so at the cursor as its expectations."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import PurePath
from typing import Any

from harness.console.played import Played
from harness.console.session import Branch
from harness.durations import format_duration, format_instant
from harness.expectations import own_reading
from harness.rulebook import Ruling
from harness.scenario_file import written
from harness.scenario_file.patterns import pattern_for

__all__ = ["saved"]

_OF_A_NODE = ("status", "access", "failure")
#: So many expectations are written at most for single nodes that no pattern means together.
_MOST_SINGLE = 200


def saved(branch: Branch, played: Played, at_us: int) -> str:
    """Return the text of a scenario file of the world that ``branch`` shows.

    It runs to the same digest, and passes unless a rule is violated: it expects what was so after everything at
    ``at_us``, and what the file expected before as far as that is still met; what is left out stands in its comment.
    """
    world, result = branch.world, played.result
    unmet = {met.expect.index for met in result.unmet}
    kept = [each for index, each in enumerate(world.data.get("expect", ())) if index not in unmet]
    ruled = {rule for rule, each in result.judgements.items() if each.ruling is not Ruling.UNKNOWN}
    rules = [rule for rule in world.data.get("rules", ()) if rule in ruled]
    content = {key: value for key, value in world.data.items() if key not in ("rules", "expect")}
    content["expect"] = [*kept, *_expected(played, at_us)]
    # Keys come before tables.
    content = {"title": content.pop("title"), **({"rules": rules} if rules else {}), **content}
    return written(content, comment="\n".join(_comment(branch, played, at_us)))


def _comment(branch: Branch, played: Played, at_us: int) -> Iterator[str]:
    world, settings = branch.world, played.settings
    file = PurePath(world.scenario.file).name
    yield f"Saved by fdl-harness console {version('fdl-harness')} from {file}, branch {branch.name!r}."
    for each in branch.worlds[1 : branch.place + 1]:
        yield f"- {each.told}"
    yield f"It expects what was so at {format_instant(at_us)}, reading {settings.reading.name}, seed {settings.seed}."
    given = world.data.get("expect", ())
    for index in sorted({met.expect.index for met in played.result.unmet}):
        yield f"Left out, since it is not met: {', '.join(f'{key} = {value}' for key, value in given[index].items())}"
    judged = played.result.judgements
    for rule in world.scenario.rules:
        if rule not in judged or judged[rule].ruling is Ruling.UNKNOWN:
            yield f"Left out, since nothing puts it to the test: {rule}"
    yield f"Digest of the run: {played.result.digest}"


def _expected(played: Played, at_us: int) -> Iterator[dict[str, Any]]:
    """Yield tables that state what was so at ``at_us``: one for nodes that were alike, where a pattern means them."""
    scenario, lines = played.scenario, played.timelines
    groups: dict[tuple[Any, ...], list[str]] = {}
    for node in scenario.nodes:
        groups.setdefault(tuple(lines.of(what, node.name).at(at_us) for what in _OF_A_NODE), []).append(node.name)
    at: dict[str, Any] = {"at": format_duration(at_us)}
    reading = played.settings.reading.name
    under = {} if reading == own_reading(scenario) else {"reading": reading}
    names = [node.name for node in scenario.nodes]
    addresses = {node.name: node.address for node in scenario.nodes}
    single = 0
    for values, members in groups.items():
        stated = dict(zip(_OF_A_NODE, values, strict=True)) | under
        pattern = pattern_for(tuple(members), names, addresses)
        if pattern is not None:
            yield at | {"node": pattern} | stated
            continue
        room = max(0, _MOST_SINGLE - single)
        single += len(members)
        yield from (at | {"node": member} | stated for member in members[:room])
    registered = lines.of("registered", None).at(at_us)
    if isinstance(registered, int):
        yield at | {"registered": registered} | under
