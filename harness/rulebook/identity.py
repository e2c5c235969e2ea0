"""Rules of identity: the server is tied to its machine, and a node to none ("Application Scenario", "Function
Description").
"""

from __future__ import annotations

from harness.rulebook.checks import due, due_by_node
from harness.rulebook.history import History
from harness.rulebook.judging import judges
from harness.rulebook.machines import a_foreign_machine_serves_nobody
from harness.rulebook.nodelaw import NodeLaws
from harness.rulebook.verdicts import Tally
from harness.trace import EdgeKind, Verdict
from reference_server.protocol import Code

__all__: list[str] = []

#: What leaves a node on another machine, or on one that looks like another.
_OTHER_MACHINE = (EdgeKind.REBOOTED, EdgeKind.CLONED, EdgeKind.MOVED)


@judges("R001")
def a_node_is_tied_to_no_machine(history: History, tally: Tally) -> None:
    """Every reboot, copy and move of a node's machine: its next start, or the move itself, changes nothing about its
    status but what the time away does, and its next register or poll is granted if it passes every check. None of
    those looks at anything of the machine but its address.
    """
    wrong = {(turn.node, turn.at_us) for turn in history.once(NodeLaws).wrong_turns}
    for node in history.nodes:
        another = False
        for edge in node.edges:
            another = another or (edge.what in _OTHER_MACHINE and bool(edge.done))
            if not another or edge.what not in (EdgeKind.STARTED, EdgeKind.MOVED):
                continue
            another = False
            if (node.place, edge.at_us) in wrong:
                tally.broken(edge.at_us, node.name, "its registration changed with its machine")
                continue
            tally.passed()
            asked = due_by_node(history).get(node.place, ())
            first = next((each for each in asked if each.exchange.sent_us >= edge.at_us), None)
            if first is None or first.verdict != Verdict.GRANTED:
                continue
            if first.exchange.verdict == Verdict.GRANTED:
                tally.passed()
            else:
                tally.broken(first.exchange.arrived_us, node.name, "refused on another machine, for none of the checks")


@judges("R002")
def the_licensed_machine_serves(history: History, tally: Tally) -> None:
    """Every request that reaches the server's machine when it has its licensed identity again, after another one: it is
    not refused for that any more.
    """
    been_another_us = next((edge.at_us for edge in history.server_edges if edge.what == EdgeKind.DRIFTED), None)
    if been_another_us is None:
        return
    for each in due(history):
        asked = each.exchange
        if (
            asked.server
            or asked.form
            or asked.arrived_us < been_another_us
            or history.identity_drifted(asked.arrived_us)
        ):
            continue
        if asked.verdict == Code.INCORRECT_LICENSE_FORMAT != each.verdict:
            name = history.nodes[asked.node].name
            tally.broken(asked.arrived_us, name, "refused on the licensed machine as if on a foreign one")
        else:
            tally.passed()
    tally.passed(sum(beat.polls for beat in history.trace.beats if beat.first_sent_us >= been_another_us))


@judges("R009")
def hardware_counts_at_the_server_alone(history: History, tally: Tally) -> None:
    """Whatever puts R010 to the test, where hardware counts, or R001, where it does not."""
    a_foreign_machine_serves_nobody(history, tally)
    a_node_is_tied_to_no_machine(history, tally)
