"""What the machines' states lead to, found by driving the machines, and drawn: the diagrams of docs/how-it-works.md.

A diagram says nothing that a machine did not do here: each arrow is a change that happened on a bench.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from html import escape
from typing import NamedTuple

from fake_fdl_nodes.node import HOLDING, Changed, Reason, Status
from harness.report.timeline.palette import TONES
from reference_server.authority import ChangeKind, Power
from reference_server.protocol import Poll, Register, Unbind
from tests.fake_fdl_nodes import bench as node_bench
from tests.fake_fdl_nodes.bench import DAY, DETAILS, EPOCH, HOUR, MINUTE, MS
from tests.reference_server import bench as server_bench


class Change(NamedTuple):
    """A state, what led out of it, and where to."""

    before: str
    why: str
    after: str


# What a node does.

#: What becomes of a registration, in the words of a diagram.
_REASONS = {
    Reason.GRANTED: "granted",
    Reason.REFUSED: "refused",
    Reason.UNANSWERED: "no answer",
    Reason.EXPIRED: "expired",
    Reason.SILENCE: "24 h of silence",
    Reason.UNBOUND: "unbound",
}


def node_changes() -> set[Change]:
    """Return every change of status, in the reading `literal`, of a node to which each thing happens in each status."""
    return {
        Change(effect.before.value, _REASONS[effect.reason], effect.after.value)
        for status in Status
        for happens in (_granted, _refused, _unanswered, _silent, _asleep, _unbound)
        for effect in happens(node_bench.Bench().in_status(status))
        if isinstance(effect, Changed)
    } | {
        Change(effect.before.value, _REASONS[effect.reason], effect.after.value)
        for silent in (False, True)
        for effect in _expired(silent=silent)
        if isinstance(effect, Changed)
    }


def _asked(bench: node_bench.Bench) -> int:
    """Have the node send a register, past what else is due, and return when it was sent."""
    at_us = DAY + HOUR if bench.node.status is Status.LAPSED else 3 * HOUR
    bench.silent_until(at_us) if bench.node.status not in HOLDING else None
    bench.register(at_us)
    return at_us


def _granted(bench: node_bench.Bench) -> Sequence[object]:
    bench.answered(_asked(bench) + 10 * MS)
    return bench.effects


def _refused(bench: node_bench.Bench) -> Sequence[object]:
    bench.refused(_asked(bench) + 10 * MS)
    return bench.effects


def _unanswered(bench: node_bench.Bench) -> Sequence[object]:
    _asked(bench)
    bench.fire()
    return bench.effects


def _silent(bench: node_bench.Bench) -> Sequence[object]:
    """Nobody answers until the node waits for nothing."""
    effects: list[object] = []
    while (timer := bench.due()) is not None and timer[0] <= DAY + MINUTE:
        bench.fire()
        effects += bench.effects
    return effects


def _asleep(bench: node_bench.Bench) -> Sequence[object]:
    bench.resume(DAY + HOUR)
    return bench.effects


def _unbound(bench: node_bench.Bench) -> Sequence[object]:
    bench.unbind(3 * HOUR)
    bench.answered(3 * HOUR + 10 * MS, bench.release())
    return bench.effects


def _expired(*, silent: bool) -> Sequence[object]:
    """The licence ends 3 h after the register, of a node that got an answer at 2 h or none."""
    bench = node_bench.Bench()
    bench.register(0)
    ends = replace(DETAILS, expires_us=EPOCH + 3 * HOUR)
    bench.answered(10 * MS, bench.grant(details=ends))
    bench.fire()
    if silent:
        bench.fire()
    else:
        bench.answered(2 * HOUR + 10 * MS, bench.grant(details=ends, server_time_us=EPOCH + 2 * HOUR))
    bench.fire()
    return bench.effects


# What a slot does.

_KINDS = {
    ChangeKind.TAKEN: "register granted",
    ChangeKind.FREED: "unbound",
    ChangeKind.VOID: "24 h without a request",
    ChangeKind.DROPPED: "-destroy",
    ChangeKind.RESTORED: "started, clock set back",
}


def slot_changes() -> set[Change]:
    """Return every change of a slot, in the reading `literal`, by what the server held before and after."""
    return {change for happens in (_runs, _gives_back, _destroys, _is_down, _is_down_for_long) for change in happens()}


def _watched(bench: server_bench.Bench, act: Callable[[], object]) -> list[Change]:
    before = _slot(bench)
    done = act()
    changes = done if isinstance(done, list) else bench.changes
    down = ", while down" if bench.authority.power is Power.OFF else ""
    return [Change(before, _KINDS[each.kind] + down, _slot(bench)) for each in changes]


def _slot(bench: server_bench.Bench) -> str:
    if "a" in bench.authority.holders:
        return "held"
    return "free" if bench.authority.slot_row("a") is None else "void, still stored"


def _held() -> tuple[server_bench.Bench, list[Change]]:
    bench = server_bench.Bench()
    return bench, _watched(bench, lambda: bench.ask(Register, "a", 0))


def _runs() -> list[Change]:
    bench, changes = _held()
    changes += _watched(bench, lambda: bench.ask(Poll, "a", 2 * HOUR))
    return changes + _watched(bench, lambda: bench.authority.expire(2 * DAY))


def _gives_back() -> list[Change]:
    bench, changes = _held()
    return changes + _watched(bench, lambda: bench.ask(Unbind, "a", HOUR))


def _destroys() -> list[Change]:
    bench, changes = _held()
    return changes + _watched(bench, bench.authority.destroy)


def _is_down() -> list[Change]:
    """It passes its 24 h while the program is down, and somebody has set the wall clock back before the start."""
    bench, changes = _held()
    bench.authority.stop(bench.now(HOUR))
    changes += _watched(bench, lambda: bench.authority.expire(DAY + 1))
    bench.ahead_us = -2 * HOUR
    return changes + _watched(bench, lambda: bench.authority.start(bench.now(25 * HOUR)))


def _is_down_for_long() -> list[Change]:
    """It passes its 24 h while the program is down, and nobody has touched the clock: the start removes it."""
    bench, changes = _held()
    bench.authority.stop(bench.now(HOUR))
    changes += _watched(bench, lambda: bench.authority.expire(DAY + 1))
    before = _slot(bench)
    bench.authority.start(bench.now(26 * HOUR))
    return [*changes, Change(before, "started", _slot(bench))]


# How it is drawn.


class Box(NamedTuple):
    """Where a state stands in a diagram, and its tone."""

    x: float
    y: float
    tone: str


NODE_BOXES = {
    "unregistered": Box(105, 230, "none"),
    "registered": Box(370, 230, "well"),
    "interrupted": Box(640, 50, "waiting"),
    "rejected": Box(700, 410, "refused"),
    "lapsed": Box(950, 230, "lost"),
}
SLOT_BOXES = {"free": Box(130, 260, "none"), "held": Box(530, 50, "well"), "void, still stored": Box(930, 260, "lost")}
_HALF_WIDTH, _HALF_HEIGHT = 76, 21
#: How far an arrow leans over, which is twice as far as it gets.
_BEND = 80
_INK, _LINE, _PAPER = "#18222d", "#55626f", "#ffffff"


def diagram(changes: set[Change], boxes: Mapping[str, Box], *, height: int, left_out: str = "") -> str:
    """Return the states and what leads from each to each as SVG, without those arrows for which ``left_out`` stands."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for change in sorted(changes):
        if change.why != left_out:
            arrows.setdefault((change.before, change.after), []).append(change.why)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1060 {height}" font-family="DejaVu Sans, sans-serif" '
        'font-size="14">',
        f'<rect width="1060" height="{height}" rx="8" fill="{_PAPER}"/>',
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
        f'orient="auto-start-reverse"><path d="M0 0L10 5L0 10z" fill="{_LINE}"/></marker></defs>',
    ]
    parts += [_arrow(boxes[before], boxes[after], why) for (before, after), why in sorted(arrows.items())]
    parts += [_box(name, box) for name, box in boxes.items()]
    if left_out:
        ways = [change.before for change in changes if change.why == left_out]
        (end,) = {change.after for change in changes if change.why == left_out}
        said = "every other status" if len(ways) == len(boxes) - 1 else " and ".join(sorted(ways))
        parts.append(f'<text x="20" y="{height - 16}" fill="{_LINE}">{left_out}: from {said} to {end}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _box(name: str, box: Box) -> str:
    tone = TONES[box.tone]
    return (
        f'<rect x="{box.x - _HALF_WIDTH}" y="{box.y - _HALF_HEIGHT}" width="{2 * _HALF_WIDTH}" '
        f'height="{2 * _HALF_HEIGHT}" rx="7" fill="{tone.fill}"/>'
        f'<text x="{box.x}" y="{box.y + 5}" text-anchor="middle" font-weight="bold" fill="{tone.ink}">'
        f"{escape(name)}</text>"
    )


def _arrow(start: Box, end: Box, why: list[str]) -> str:
    """Return an arrow that is bent to its left, so that one there and one back do not meet, with its words."""
    across, down = end.x - start.x, end.y - start.y
    length = math.hypot(across, down)
    middle_x, middle_y = (start.x + end.x) / 2 + down / length * _BEND, (start.y + end.y) / 2 - across / length * _BEND
    points = []
    for step in range(61):
        t = step / 60
        x = (1 - t) ** 2 * start.x + 2 * t * (1 - t) * middle_x + t**2 * end.x
        y = (1 - t) ** 2 * start.y + 2 * t * (1 - t) * middle_y + t**2 * end.y
        if not any(abs(x - box.x) <= _HALF_WIDTH and abs(y - box.y) <= _HALF_HEIGHT + 2 for box in (start, end)):
            points.append((x, y))
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    # Off the middle, where arrows cross.
    x, y = points[len(points) * 3 // 10]
    lines = "".join(
        f'<tspan x="{x:.1f}" y="{y + 5 + 17 * (row - (len(why) - 1) / 2):.1f}">{escape(each)}</tspan>'
        for row, each in enumerate(why)
    )
    return (
        f'<path d="M{path}" fill="none" stroke="{_LINE}" stroke-width="1.6" marker-end="url(#tip)"/>'
        f'<text text-anchor="middle" fill="{_INK}" stroke="{_PAPER}" stroke-width="6" paint-order="stroke">'
        f"{lines}</text>"
    )
