"""Each judged rule is broken by a deliberately wrong server or node, and notices.

A row names the rule that has to turn ``violated``, the world, and who is wrong in it. The same world with the right
machines leaves that rule ``held`` (or ``unknown`` where only a wrong peer can put it to the test), so what the
rule notices is the bug and not the world.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from fake_fdl_nodes.node import Node
from harness.rulebook import Ruling, judge
from harness.scenario import Scenario
from harness.wires import Memory, WireFactory
from harness.world import run
from reference_server.authority import Authority
from reference_server.readings import LITERAL
from tests.planted_bugs import nodes, servers, worlds


class Planted(NamedTuple):
    """One bug, and the rule that has to notice it."""

    rule: str
    world: Scenario
    server: Callable[..., Authority] = Authority
    node: Callable[..., Node] = Node
    wire: WireFactory = Memory


BUGS = [
    Planted("R005", worlds.QUIET, servers.Tampers),
    Planted("R005", worlds.EXPIRES, servers.Dateless),
    Planted("R005", worlds.UNBIND_TWICE, servers.MisdatesReleases),
    Planted("R006", worlds.QUIET, servers.Tampers, nodes.Trusting),
    Planted("R006", worlds.UNBIND_TWICE, servers.ForgesReleases, nodes.Trusting),
    Planted("R006", worlds.QUIET, servers.Forged, nodes.Trusting),
    Planted("R006", worlds.FULL, node=nodes.Deaf),
    Planted("R007", worlds.QUIET, node=nodes.Shy),
    Planted("R008", worlds.SUSPENDED, node=nodes.Stubborn),
    Planted("R008", worlds.CRASHED_NODE, node=nodes.OpenWhileStopped),
    Planted("R008", worlds.SUSPENDED_AND_STOPPED, node=nodes.Softens),
    Planted("R010", worlds.DRIFTED, servers.NotTheMachine),
    Planted("R010", worlds.DRIFTED, servers.StartsAnywhere),
    Planted("R012", worlds.DRIFTED, servers.NotTheMachine),
    Planted("R011", worlds.MOVE_INSIDE, servers.BoundToAddress),
    Planted("R014", worlds.SECOND, wire=servers.TwoPrograms),
    Planted("R013", worlds.MOVE_INTO_CUT, node=nodes.SelfMade),
    Planted("R017", worlds.QUIET, servers.OneTooFew),
    Planted("R018", worlds.FULL, servers.AnyoneFits),
    Planted("R018", worlds.FULL, servers.PollsAnyone, nodes.Deaf),
    Planted("R019", worlds.CLUSTER, servers.OneOfACluster),
    Planted("R020", worlds.MOVE_INSIDE, servers.BoundToAddress),
    Planted("R021", worlds.QUIET, servers.FirstOfRange),
    Planted("R022", worlds.MOVE_INTO_CUT, node=nodes.SelfMade),
    Planted("R023", worlds.MOVE_OUTSIDE, servers.ForgivesAddress),
    Planted("R025", worlds.QUIET, servers.ForgivesAddress, nodes.Masquerades),
    Planted("R026", worlds.LONG_STOP, servers.NeverVoids),
    Planted("R027", worlds.SHORT_STOP, node=nodes.Unmoved),
    Planted("R028", worlds.SHORT_STOP, servers.ForgetsAtStart),
    Planted("R028", worlds.SHORT_STOP, node=nodes.Discouraged),
    Planted("R029", worlds.LONG_STOP_ALONE, servers.NeverVoids, nodes.Immortal),
    Planted("R029", worlds.LONG_STOP_ALONE, node=nodes.SelfRegistering),
    Planted("R030", worlds.LONG_STOP_ALONE, servers.NeverVoids, nodes.Immortal),
    Planted("R031", worlds.QUIET, node=nodes.Hasty),
    Planted("R031", worlds.SHORT_STOP, node=nodes.Discouraged),
    Planted("R032", worlds.QUIET, servers.Mute),
    Planted("R032", worlds.UNBIND_TWICE, node=nodes.Repetitive),
    Planted("R032", worlds.TWICE, servers.AnswersAnew),
    Planted("R034", worlds.TWICE, servers.RenewsForCopies),
    Planted("R092", worlds.UNBIND_TWICE, node=nodes.KeepsAfterUnbind),
    Planted("R033", worlds.LONG_STOP, node=nodes.Immortal),
    Planted("R033", worlds.ANSWERS_LOST, node=nodes.Patient),
    Planted("R036", worlds.EXPIRES, node=nodes.LongWait),
    Planted("R033", worlds.LONG_STOP, node=nodes.LapsesAtMiss),
    Planted("R033", worlds.OFF_THE_GRID, node=nodes.FromReceipt),
    Planted("R033", worlds.NODE_STEPPED, node=nodes.ByTheWallClock),
    Planted("R033", worlds.NODE_ASLEEP, node=nodes.WithoutItsSleep),
    Planted("R034", worlds.SERVER_STEPPED, servers.AgesByTheWallClock),
    Planted("R034", worlds.SERVER_ASLEEP, servers.WithoutItsSleep),
    Planted("R034", worlds.FROZEN, servers.AgesByBootTimeOverAStop),
    Planted("R034", worlds.CRASHED_NODE, servers.VoidsATickEarly),
    Planted("R034", worlds.CRASHED_NODE, servers.VoidsATickLate),
    Planted("R034", worlds.CRASHED_NODE, servers.NeverVoids),
    Planted("R034", worlds.scene(worlds.stop(1), worlds.CRASHED_NODE.events[0]), servers.RefreshesAtStart),
    Planted("R035", worlds.LONG_STOP_ALONE, servers.NeverVoids, nodes.Undead),
    Planted("R035", worlds.LONG_STOP_ALONE, node=nodes.SelfRegistering),
    Planted("R036", worlds.SHORT_STOP, node=nodes.Silent),
    Planted("R036", worlds.NODE_STEPPED, node=nodes.DatesByBootTime),
    Planted("R036", worlds.NODE_SLEWED, node=nodes.DatesByBootTime),
    Planted("R037", worlds.SHORT_STOP, node=nodes.Forgetful),
    Planted("R066", worlds.WRONG_APPLICATION, servers.ForgivesApplication),
    Planted("R067", worlds.ANY_APPLICATION, servers.EmptyMeansNone),
    Planted("R071", worlds.QUIET, servers.OneTooFew),
    Planted("R072", worlds.FULL, servers.AnyoneFits),
    Planted("R092", worlds.LONG_STOP_ALONE, node=nodes.SelfRegistering),
    Planted("R092", worlds.UNBIND_TWICE, node=nodes.Unmanageable),
    Planted("R095", worlds.UNTRUSTED, node=nodes.SelfMade),
    Planted("R100", worlds.CLOSED_PORT, node=nodes.SelfMade),
    Planted("R125", worlds.DESTROYED, servers.Undestroyed),
    Planted("R099", worlds.QUIET, servers.PromisesMore),
    Planted("R105", worlds.CLUSTER, node=nodes.OneReasonForAll),
    Planted("R107", worlds.WRONG_PORT, node=nodes.NamesTheUnlisted),
    Planted("R107", worlds.QUIET, servers.Reluctant),
    Planted("R108", worlds.TWO_FAULTS, servers.LastFailure),
    Planted("R109", worlds.QUIET, servers.SwallowsMalformed, nodes.Mumbles),
    Planted("R110", worlds.QUIET, servers.SwallowsMalformed, nodes.MumblesParameters),
    Planted("R111", worlds.UNBIND_TWICE, servers.UnbindsAnyone),
    Planted("R112", worlds.EXPIRES, servers.ForgivesExpiry),
    Planted("R112", worlds.SET_BACK, servers.TrustsItsClock),
    Planted("R113", worlds.WRONG_VERSION, servers.ForgivesVersion),
    Planted("R114", worlds.SUSPENDED, servers.ForgivesSuspension),
    Planted("R115", worlds.OUTSIDE, servers.ForgivesAddress),
    Planted("R116", worlds.WRONG_DOMAIN, servers.ForgivesDomain),
    Planted("R117", worlds.WRONG_APPLICATION, servers.ForgivesApplication),
    Planted("R118", worlds.FULL, servers.FullMeansFormat),
    Planted("R119", worlds.SHORT_STOP, node=nodes.SilenceIsAVerdict),
    Planted("R120", worlds.WRONG_PORT, servers.Uncoded),
]


def _name(value: Any) -> str:
    if isinstance(value, Planted):
        return f"{value.rule}-{value.server.__name__}-{value.node.__name__}"
    return str(value)


@pytest.mark.parametrize("bug", BUGS, ids=_name)
def test_the_rule_notices_its_bug(bug: Planted) -> None:
    trace = run(bug.world, LITERAL, server=bug.server, node=bug.node, wire=bug.wire)
    judgement = judge(bug.world, LITERAL, trace)[bug.rule]
    assert judgement.ruling is Ruling.VIOLATED, judgement
    assert judgement.first is not None


@pytest.mark.parametrize("bug", BUGS, ids=_name)
def test_the_right_machines_break_no_rule_in_the_same_world(bug: Planted) -> None:
    judgements = judge(bug.world, LITERAL, run(bug.world, LITERAL))
    assert [each for each in judgements.values() if each.ruling is Ruling.VIOLATED or each.trouble] == []


def test_every_judged_rule_has_a_planted_bug() -> None:
    judged = judge(worlds.QUIET, LITERAL, run(worlds.QUIET, LITERAL))
    assert sorted({bug.rule for bug in BUGS}) == sorted(judged)
