"""The smallest set of unrecorded causes that explains a record.

A diagnosis is a search. It begins with what was recorded and nothing else, simulates that, and looks at what the
simulation does not show. Each cause that could close a gap (`harness.outage.proposing`) is added, simulated and
compared again, and the best of these sets are taken further, until some show the whole record. Sets of as few causes as
possible win; of these, the ones whose causes are common and leave the fewest rows missing from the record.

Nothing is an explanation that does not show the whole record when it is simulated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from harness.faults import timeline_problems
from harness.outage.case import Built, Case, scenario_of
from harness.outage.causes import Cause, Kind, assumed
from harness.outage.comparing import Comparison, compare
from harness.outage.proposing import proposals
from harness.outage.record import What
from harness.trace import Trace
from harness.world import run
from reference_server.readings import LITERAL, Reading, reading_named

__all__ = ["Diagnosis", "Simulated", "diagnose", "simulate"]

#: Most causes of an explanation.
_MOST_CAUSES = 4
#: So many sets of causes are taken further at each step.
_BEAM = 5
#: So many sets of causes are simulated at most.
_MOST_TRIED = 3_000
#: So many explanations are told.
_TOLD = 8
#: What each kind of cause costs, against one row that is missing from the record (1). A kind that is rare in the field
#: costs more, so that it is named first only where the common ones do not do.
_PRICES = {
    Kind.STOP: Fraction(6),
    Kind.CUT: Fraction(13, 2),
    Kind.LOST_ANSWERS: Fraction(8),
    Kind.NAT: Fraction(7),
    Kind.MOVED: Fraction(27, 4),
    Kind.CLOCK: Fraction(1),
    Kind.STEP: Fraction(15, 2),
    Kind.DRIFT: Fraction(8),
    Kind.EXPIRED: Fraction(6),
    Kind.RANGES: Fraction(15, 2),
    Kind.APPLICATIONS: Fraction(7),
    Kind.SUSPENDED: Fraction(6),
    Kind.IDENTITY: Fraction(9),
    Kind.CAPACITY: Fraction(7),
    Kind.SECOND: Fraction(17, 2),
    Kind.RESTORED: Fraction(8),
    Kind.READING: Fraction(12),
}
#: What it costs that somebody asked to register and nobody wrote it down.
_ASKED = Fraction(2)
#: The list of a node that was not handed in is missing as a whole, and costs no more than this.
_LIST = 4
#: From so many nodes on it pays to predict before simulating.
_MANY = 50
#: What is still open counts for more than anything that explains it.
_OPEN = 6


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """What some causes make of a case: the scenario, its history, and how that compares with the record.

    ``price`` is what it takes to believe it; the lower, the better.
    """

    causes: tuple[Cause, ...]
    built: Built
    trace: Trace
    comparison: Comparison
    price: Fraction

    @property
    def reproduces(self) -> bool:
        """Whether it shows the whole record, and so is an explanation of it."""
        return self.comparison.reproduces

    @property
    def fit(self) -> tuple[int, int, int]:
        """How well it fits, whatever its causes are: how many there are, and what it takes to be missing in the record.

        That a clock was a little wrong is no cause of its own.
        """
        causes = [cause for cause in self.causes if cause.kind is not Kind.CLOCK]
        return len(causes), len(self.built.unrecorded), len(self.comparison.surplus)


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What explains a record, the best first. ``nearest`` is what came closest where nothing does."""

    case: Case
    explanations: tuple[Simulated, ...]
    nearest: Simulated
    tried: int

    @property
    def best(self) -> tuple[Simulated, ...]:
        """Those that explain the record as well as the first. If there are several, it cannot be told which it was."""
        return tuple(each for each in self.explanations if each.fit == self.explanations[0].fit)


def simulate(case: Case, causes: Sequence[Cause] = (), *, at_most: Fraction | None = None) -> Simulated | None:
    """Return what ``causes`` make of ``case``, ``None`` if they cannot happen together.

    :param at_most: do not bother where it is clear beforehand that they do not show the record at this price.
    """
    try:
        built = scenario_of(case, assumed(case, causes))
    except ValueError:
        return None
    if timeline_problems(built.scenario.events):
        return None
    readings = [cause.reading for cause in causes if cause.kind is Kind.READING]
    if len(readings) > 1:
        return None
    reading = reading_named(readings[0]) if readings else LITERAL
    if at_most is not None and len(case.nodes) >= _MANY and _is_hopeless(case, causes, built, reading, at_most):
        return None
    trace = run(built.scenario, reading)
    comparison = compare(case, built, trace)
    return Simulated(
        causes=tuple(sorted(causes, key=lambda cause: cause.start_us)),
        built=built,
        trace=trace,
        comparison=comparison,
        price=_price(causes, built, comparison),
    )


def _is_hopeless(case: Case, causes: Sequence[Cause], built: Built, reading: Reading, at_most: Fraction) -> bool:
    """Tell whether the numbers of failures alone, which need no simulation, are too small or cost too much."""
    from harness.prediction import Unpredictable, predict

    try:
        counts = predict(built.scenario, reading).failures.tolist()
    except Unpredictable:
        return False
    recorded = [sum(each.what is What.FAILED for each in case.by_source[node]) for node in case.nodes]
    missing = [count - least for count, least in zip(counts, recorded, strict=False)]
    return min(missing) < 0 or _sum(causes, built, missing) > at_most


def _price(causes: Sequence[Cause], built: Built, comparison: Comparison) -> Fraction:
    missing: dict[str, int] = {}
    for row in comparison.surplus:
        missing[row.node] = missing.get(row.node, 0) + 1
    return _sum(causes, built, missing.values())


def _sum(causes: Sequence[Cause], built: Built, missing: Iterable[int]) -> Fraction:
    """Return what causes cost together with what they take to be missing in the record: rows, by node."""
    rows = sum(min(count, _LIST) for count in missing)
    return sum(map(_price_of, causes), Fraction(0)) + _ASKED * len(built.unrecorded) + rows


def _price_of(cause: Cause) -> Fraction:
    # A restart that nobody wrote down comes with it.
    if cause.kind in (Kind.STEP, Kind.RESTORED) and cause.end_us is not None:
        return _PRICES[cause.kind] + 1
    # Each node is moved by itself.
    return _PRICES[cause.kind] * (len(cause.nodes) if cause.kind in (Kind.MOVED, Kind.SECOND) else 1)


def _rank(each: Simulated) -> tuple[Fraction, int, str]:
    """Order sets of causes: what they leave open first, then what it takes to believe them."""
    return (_OPEN * _left(each) + each.price, len(each.causes), repr(each.causes))


def _left(each: Simulated) -> int:
    """Return how much of the record is open."""
    return len(each.comparison.unexplained) + 2 * len(each.comparison.contradicted)


def diagnose(case: Case, *, progress: Callable[[int], None] = lambda tried: None) -> Diagnosis:
    """Return what explains the record of ``case``.

    :param progress: is told how many sets of causes have been simulated.
    """
    start = simulate(case)
    if start is None:
        raise ValueError(f"{case.record.file}: what it records cannot have happened in this order")
    beam, seen, complete, tried = [start], {frozenset[Cause]()}, list[Simulated](), 1
    if start.reproduces:
        complete.append(start)
    nearest = start
    for _ in range(_MOST_CAUSES):
        found: list[Simulated] = []
        for some in beam:
            for cause in proposals(case, some.built, some.comparison):
                key = frozenset((*some.causes, cause))
                if key in seen or _repeats(some.causes, cause) or tried >= _MOST_TRIED:
                    continue
                seen.add(key)
                one = simulate(case, (*some.causes, cause))
                tried += 1
                progress(tried)
                if one is not None:
                    found.append(one)
        found.sort(key=_rank)
        nearest = min([nearest, *found[:1]], key=_rank)
        complete += [each for each in found if each.reproduces]
        best = min((each.price for each in complete), default=None)
        beam = _apart([each for each in found if _may_gain(each, start, best)])
        if not beam:
            break
    return Diagnosis(
        case=case,
        explanations=tuple(_distinct(complete)[:_TOLD]),
        nearest=nearest,
        tried=tried,
    )


def _repeats(causes: Sequence[Cause], cause: Cause) -> bool:
    """Tell whether ``cause`` says of a host's clock or of the reading what one of ``causes`` says already."""
    single = (Kind.CLOCK, Kind.READING, Kind.EXPIRED, Kind.CAPACITY)
    return cause.kind in single and any(each.kind is cause.kind and each.host == cause.host for each in causes)


def _may_gain(each: Simulated, start: Simulated, best: Fraction | None) -> bool:
    """Tell whether one more cause may make ``each`` better than the ``best`` price so far."""
    if each.reproduces:
        # Rows that are missing from the record may be those of a clock that was a little wrong.
        return bool(each.comparison.surplus) and each.price == best
    # One more cause costs something, too.
    dear = best is not None and each.price + min(_PRICES.values()) >= best
    return not dear and _left(each) <= _left(start)


def _apart(found: Sequence[Simulated]) -> list[Simulated]:
    """Return the best of them, each with other kinds of causes for other nodes."""
    kept: dict[object, Simulated] = {}
    for each in found:
        kept.setdefault(_kinds(each.causes), each)
    return list(kept.values())[:_BEAM]


def _distinct(complete: Sequence[Simulated]) -> list[Simulated]:
    """Return the best of those that differ in their times alone, without those that say more than it takes."""
    kept: dict[frozenset[object], Simulated] = {}
    for each in sorted(complete, key=lambda each: (len(each.causes), *_rank(each))):
        kinds = _kinds(each.causes)
        # What fewer of the same causes explain as well needs no more of them.
        if not any(fewer <= kinds and other.price - each.price < 1 for fewer, other in kept.items()):
            kept[kinds] = each
    return sorted(kept.values(), key=_rank)


def _kinds(causes: Sequence[Cause]) -> frozenset[object]:
    return frozenset((cause.kind, cause.nodes, cause.host, cause.reading) for cause in causes)
