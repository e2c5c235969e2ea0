"""Small worlds, all there are: that they are all, each once, and that no rule is violated in any."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

from fake_fdl_nodes.node import Effect, Node
from harness.cli import main
from harness.scenario_file import loads
from harness.sweep import small
from harness.sweep.small import FAMILIES, Family, explore
from harness.sweep.trial import Question

HOUR = 3_600_000_000
#: One node and two instants: few enough to be counted by hand.
TINY = Family(name="tiny", summary="one node", nodes=1, capacity=1, events=2, instants_us=(0, 2 * HOUR))
#: One event, on each instant that matters and a tick to each side.
SINGLES = Family(
    name="singles", summary="two nodes", nodes=2, capacity=1, events=1, instants_us=FAMILIES["pairs"].instants_us
)


#: The same as the first with one event: 11 worlds.
ONES = Family(name="ones", summary="one event", nodes=1, capacity=1, events=1, instants_us=TINY.instants_us)


@pytest.fixture(autouse=True)
def families(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small, "FAMILIES", {"tiny": TINY, "singles": SINGLES, "ones": ONES})


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["exhaust", *arguments], catch_exceptions=False)


def test_every_world_is_there_once() -> None:
    # One has no event. Alone there can be a stop of either program, a cut, a register and an unbind: 5, on each of 2
    # instants. What undoes them needs something that began before, so at one instant there are the 25 orders of two of
    # these, but for the two stops twice: 23, on each of 2. At both instants there are the same 23, and 3 that are
    # undone. 1 + 10 + 46 + 26 = 83.
    worlds = [made.events for number in range(TINY.numbers) if (made := TINY.world(number)) is not None]
    assert len(worlds) == len(dict.fromkeys(worlds)) == 83
    assert all(events == tuple(sorted(events, key=lambda event: event.at_us)) for events in worlds)
    # With one event: none, or for each of 35 instants a stop of the server, and of either node the four others.
    assert sum(SINGLES.world(number) is not None for number in range(SINGLES.numbers)) == 1 + 35 * 9


def test_the_instants_are_those_of_the_law_with_a_tick_to_each_side() -> None:
    # Sending, arrival and answer of what is sent at 0, 2 h, 24 h and 26 h; there is no tick before 0.
    instants = FAMILIES["pairs"].instants_us
    assert len(instants) == 4 * 3 * 3 - 1
    assert {0, 1, 4_999, 5_001, 10_000, 2 * HOUR - 1, 24 * HOUR, 24 * HOUR + 5_001, 26 * HOUR + 10_001} < set(instants)


def test_no_rule_is_violated_in_any() -> None:
    done = call("tiny", "singles")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0] == "tiny [literal]: one node"
    assert lines[1].startswith("  83 worlds, which are all; ")
    assert lines[3].startswith("  316 worlds, which are all; ")


def test_a_wrong_server_is_found_and_its_world_printed() -> None:
    done = call("ones", "--server", "tests.planted_bugs.leases:NeverVoids")
    assert done.exit_code == 1
    line = next(line for line in done.stdout.splitlines() if "R034 violated in world" in line)
    printed = CliRunner().invoke(main, line.split("fdl-harness ")[1].split())
    assert len(loads(printed.stdout).events) == 1


class Fragile(Node):
    """Raises when its program ends."""

    def stop(self) -> list[Effect]:
        raise RuntimeError("on purpose")


def test_a_node_that_raises_does_not_pass() -> None:
    # Of the 11 worlds with one event, its program ends in two: at 0 and at 2 h.
    done = call("ones", "--node", "tests.harness.sweep.test_small:Fragile")
    assert done.exit_code == 1
    assert sum(line.startswith("  trouble in world ") for line in done.stdout.splitlines()) == 2


def test_an_interrupt_tells_how_far_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr("harness.sweep.workers.spread", interrupted)
    done = call("tiny")
    assert (done.exit_code, done.stdout) == (130, "")
    assert done.stderr == "interrupted in tiny, after 0 of its worlds\n"


def test_what_is_run_is_told_by_numbers() -> None:
    question = Question(profile="tiny")
    whole = explore(question, range(TINY.numbers))
    parts = [explore(question, range(k, TINY.numbers, 3)) for k in range(3)]
    assert sum(each.worlds for each in parts) == whole.worlds == 83
    assert sum((each.tested for each in parts), start=type(whole.tested)()) == whole.tested


def test_families_are_listed() -> None:
    assert call("--list").stdout == "tiny     one node\nsingles  two nodes\nones     one event\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["tinny"], "did you mean tiny?"),
        (["--reading", "all"], "one reading at a time"),
        (["--print", "1"], "--print prints a world of one FAMILY"),
        (["tiny", "--print", "999999"], "no world of tiny has the number 999999"),
        (["tiny", "--server", "nowhere:at_all"], "nowhere"),
    ],
)
def test_a_wrong_call(arguments: list[str], told: str) -> None:
    done = call(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert told in " ".join(done.stderr.split())


def test_the_families_that_there_are_can_be_printed() -> None:
    for family in FAMILIES.values():
        assert family.world(0) is not None
        assert family.events in (2, 3)
