"""Rules about what administrators do at a node, and what it shows them ("Verifying the Authorization")."""

from __future__ import annotations

from collections import Counter

from harness.rulebook.history import History
from harness.rulebook.judging import judges
from harness.rulebook.ledger import NEVER_SEEN, Ledger
from harness.rulebook.nodelaw import NodeLaws
from harness.rulebook.verdicts import Tally
from harness.trace import NEVER, Status, Verdict
from reference_server.protocol import Kind

__all__: list[str] = []

_NAMES = {Kind.REGISTER: "register", Kind.UNBIND: "unbind"}


@judges("R092")
def an_administrator_does_it(history: History, tally: Tally) -> None:
    """Every register and unbind: an administrator asked the running program for it just then, and each time that one
    does the request is sent. A node turns `unregistered` when an unbind is granted, and never else.
    """
    for turn in history.once(NodeLaws).wrong_turns:
        if turn.after == Status.UNREGISTERED:
            tally.broken(turn.at_us, history.nodes[turn.node].name, turn.message)
    for node in history.nodes:
        sent = Counter(
            (each.it.kind, each.it.sent_us) for each in node.exchanges if each.it.kind in (Kind.REGISTER, Kind.UNBIND)
        )
        asked = node.asked_for
        tally.passed((sent & asked).total())
        for kind, at_us in sorted((sent - asked).elements()):
            tally.broken(at_us, node.name, f"a {_NAMES[Kind(kind)]} that no administrator asked for")
        for kind, at_us in sorted((asked - sent).elements()):
            tally.broken(at_us, node.name, f"the administrator asked for a {_NAMES[Kind(kind)]}, and nothing was sent")


@judges("R099")
def max_connections_is_the_capacity(history: History, tally: Tally) -> None:
    """Every grant: what the node shows as Max Connections is the licensed capacity."""
    fresh = history.once(Ledger).before
    for place, asked in enumerate(history.exchanges):
        if asked.verdict != Verdict.GRANTED or asked.content == NEVER:
            continue
        if place in fresh and fresh[place].seen != NEVER_SEEN:
            continue  # The same answer as before, whatever is licensed by now.
        capacity = history.licence(asked.arrived_us).capacity
        given = history.trace.contents[asked.content][0]
        if given == capacity:
            tally.passed()
        else:
            name = history.nodes[asked.node].name
            tally.broken(asked.arrived_us, name, f"Max Connections is {given}, and the licensed capacity {capacity}")
    tally.passed(sum(history.trace.beats.column("polls")))
