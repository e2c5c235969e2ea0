"""A server whose slots cannot be seen is judged by their number, as far as it tells that."""

from __future__ import annotations

from typing import Any

import pytest

from harness import Outcome, Result, WorldBuilder
from tests.harness.systems.reference import Validator


class Silent(Validator):
    """Does not tell how many slots are live."""

    registered: Any = None


class OneMore(Validator):
    """Counts one too many as soon as there is any."""

    def registered(self) -> int:
        count = super().registered()
        return count + (count > 0)


class Hoards(Validator):
    """Remembers the most that it ever counted."""

    most = 0

    def registered(self) -> int:
        file = self._file.with_name("most")
        most = max(super().registered(), int(file.read_text()) if file.exists() else 0)
        file.write_text(str(most))
        return most


def long_stop(server: type[Validator], **expected: Any) -> Result:
    """Two nodes, registered at 0 h and 1 h; the server is stopped from 1 d 1 h for 26 h, and nobody registers again."""
    world = WorldBuilder()
    world.licence(capacity=2)
    world.nodes("fdl", count=2, spread="1h")
    world.at("1d 1h").server_stop(lasts="26h")
    for at in expected.pop("at", ()):
        world.expect(at=at, **expected)
    return world.run("3d", server=server)


def test_a_right_count_holds() -> None:
    result = long_stop(Validator, at=["0s"], registered=0)
    assert result.outcome is Outcome.PASSED
    assert result.judgements["R026"].tested == 2
    # At 5 ms the first is granted, an hour later the second. At 51 h both are void.
    assert [result.registered(at=at) for at in ("4ms", "5ms", "1h 4ms", "1h 5ms", "1d")] == [0, 1, 1, 2, 2]
    assert [result.registered(at=at) for at in ("1d 1h", "2d 2h", "2d 3h")] == [None, None, 0]


def test_a_wrong_count_is_a_violation() -> None:
    result = long_stop(OneMore)
    first = result.judgements["R034"].first
    assert first is not None
    assert (first.at_us, first.message) == (5_000, "the server counts 2 live slots, and not 1")
    assert result.judgements["R026"].ruling.value == "held"


def test_slots_that_survive_a_long_stop_are_a_violation() -> None:
    first = long_stop(Hoards).judgements["R026"].first
    assert first is not None
    assert (first.at_us, first.message) == (51 * 3_600_000_000, "the slot survived a stop of more than 24 h")


@pytest.mark.parametrize(("at", "met"), [(["1h"], []), (["1d 2h"], [])])
def test_a_number_that_is_not_told_is_not_expected(at: list[str], met: list[bool]) -> None:
    result = long_stop(Silent, at=at, registered=7)
    assert [each.met for each in result.expectations] == met
    assert result.judgements["R026"].ruling.value == "unknown"
    assert result.judgements["R034"].ruling.value == "held"


def test_it_is_expected_where_it_is_told() -> None:
    result = long_stop(Validator, at=["1h", "1d 2h", "2d 3h"], registered=1)
    # 1 h: one is live. 26 h: the program is stopped and cannot be asked. 51 h: none is left.
    assert [(each.met, each.found) for each in result.expectations] == [
        (True, {"registered": 1}),
        (False, {"registered": 0}),
    ]


def test_other_things_are_expected_all_the_same() -> None:
    result = long_stop(Silent, at=["1d"], registered=7, node="fdl-1", status="registered")
    (met,) = result.expectations
    assert (met.met, met.found) == (True, {"status": "registered"})


@pytest.mark.parametrize(("server", "decided"), [(Validator, 5_000), (Silent, None)])
def test_a_stretch_is_judged_where_the_number_is_told(server: type[Validator], decided: int | None) -> None:
    world = WorldBuilder()
    world.nodes("fdl")
    world.at("1h").server_stop(lasts="30m")
    world.expect(between=["0s", "2h"], hold="always", registered=1)
    world.expect(between=["0s", "2h"], hold="ever", registered=1)
    result = world.run("3h", server=server)
    if decided is None:
        assert result.expectations == ()
    else:
        always, ever = result.expectations
        assert (always.met, always.decided_us, ever.met, ever.decided_us) == (False, 0, True, decided)
