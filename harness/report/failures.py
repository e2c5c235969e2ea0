"""What went wrong in a run, in lines of text: the rule, the node, the instants, and how to run it again."""

from __future__ import annotations

from harness.durations import format_instant, format_utc
from harness.expectations import Met
from harness.rulebook import Finding, Judgement, catalogue
from harness.runner import Result
from harness.trace import Trouble

__all__ = ["explain", "instant"]


def instant(result: Result, true_us: int) -> str:
    """Return an instant of a run as time since the start, and as UTC."""
    return f"{format_instant(true_us)} ({format_utc(result.scenario.start_us + true_us)})"


def explain(result: Result, *, traceback: bool = False) -> list[str]:
    """Return why ``result`` did not pass, line by line; the first line says it in short.

    :param traceback: tell in full what a system under test raised.
    """
    if result.skipped is not None:
        return [f"{result.scenario.file} [{result.reading.name}]: skipped over {result.wire}: {result.skipped}"]
    lines = [
        f"{result.scenario.file} [{result.reading.name}]: {result.outcome.value}, digest {result.digest[:12]}",
        *(f"  under test: {name}" for name in result.systems),
    ]
    for judgement in result.violated:
        lines += _violation(result, judgement)
    for met in result.unmet:
        lines += _expectation(result, met)
    for judgement in result.judgements.values():
        if judgement.trouble:
            lines.append(f"  {judgement.rule} could not be judged: {judgement.trouble}")
    if not result.violated and not result.unmet:
        for rule in result.unjudged:
            why = "was never put to the test" if rule in result.judgements else "is not judged yet"
            lines.append(f"  {rule} {why}, and the scenario names it: {catalogue()[rule].text}")
    lines += _troubles(result, traceback=traceback)
    if result.command is not None:
        lines.append(f"  again: {result.command}")
    return lines


def _troubles(result: Result, *, traceback: bool) -> list[str]:
    """Return what went wrong inside the systems under test, each kind of it once."""
    kinds: dict[tuple[int, str], list[Trouble]] = {}
    for trouble in result.troubles:
        kinds.setdefault((trouble.host, trouble.what), []).append(trouble)
    lines = []
    for (host, what), troubles in kinds.items():
        who = result.trace.host(host)
        times = f"{len(troubles)} times, first " if len(troubles) > 1 else ""
        lines.append(f"  trouble {times}at {instant(result, troubles[0].at_us)}, {who}: {what}")
        if traceback:
            lines += [f"    {line}" for line in troubles[0].detail.splitlines()]
    return lines


def _violation(result: Result, judgement: Judgement) -> list[str]:
    entry = catalogue()[judgement.rule]
    times = "once" if judgement.violations == 1 else f"{judgement.violations} times"
    lines = [f"  {judgement.rule} violated {times} of {judgement.tested} ({entry.place}): {entry.text}"]
    if judgement.first is not None:
        lines.append(f"    first {_finding(result, judgement.first)}")
    return lines


def _finding(result: Result, finding: Finding) -> str:
    where = finding.node or "server"
    return f"at {instant(result, finding.at_us)}, {where}: {finding.message}"


def _expectation(result: Result, met: Met) -> list[str]:
    expect = met.expect
    who = f"{met.node}: " if met.node else ""
    stated = ", ".join(f"{what} = {_toml(value)}" for what, value in met.stated.items())
    found = ", ".join(f"{what} = {_toml(met.found[what])}" for what in met.stated)
    when = f"at {instant(result, met.decided_us)}"
    if expect.between is not None:
        between = expect.between
        stretch = f"{format_instant(between.first_us)} to {format_instant(between.last_us)}"
        when = f"{between.hold} from {stretch}; decided {when}"
    return [
        f"  {result.scenario.file}:{expect.line}: expected {who}{stated} {when}",
        f"    found {found}",
    ]


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value).replace("'", '"')
