"""Rules of capacity: how many may be registered at once (Notes 5 and 6, "Authorization capacity")."""

from __future__ import annotations

from harness.rulebook.checks import due
from harness.rulebook.history import History
from harness.rulebook.judging import judges
from harness.rulebook.verdicts import Tally
from harness.trace import SlotChange, Verdict
from reference_server.protocol import Kind

__all__: list[str] = []


@judges("R017", "R071")
def one_server_many_nodes(history: History, tally: Tally) -> None:
    """Every register that passes every check while others hold slots and one is free: it is granted."""
    for each in due(history):
        asked = each.exchange
        if asked.kind != Kind.REGISTER or each.verdict != Verdict.GRANTED or each.view.live or not each.view.live_units:
            continue
        name = history.nodes[asked.node].name
        if asked.verdict == Verdict.GRANTED:
            tally.passed()
        else:
            held = each.view.live_units
            tally.broken(asked.arrived_us, name, f"refused although only {held} of the licensed slots are taken")


@judges("R018", "R072", boundary="the capacity, against the slots that are live when a register comes that needs one")
def never_more_than_licensed(history: History, tally: Tally) -> None:
    """Every register that needs a slot of its own: none is granted while the live slots are at or above capacity.

    Nor does a poll get there what a register would not. A copy of the server's machine counts its own slots, which
    nothing on either machine can prevent: where both together hold more than is licensed, that is noted.
    """
    live = [0, 0]
    for slot in history.trace.slots:
        live[slot.server] = slot.live
        capacity = history.licence(slot.at_us).capacity
        grows = slot.change in (SlotChange.TAKEN, SlotChange.FOUND, SlotChange.RESTORED)
        if grows and history.copied_at_us is not None and sum(live) > capacity:
            message = f"two machines with one licence hold {sum(live)} slots of {capacity}"
            tally.note(slot.at_us, history.nodes[slot.node].name, message)
    for each in due(history):
        asked, view = each.exchange, each.view
        capacity = history.licence(asked.arrived_us).capacity
        if asked.kind == Kind.UNBIND or asked.form or view.unit_live:
            continue
        if asked.verdict == Verdict.GRANTED and view.live_units >= capacity:
            name = history.nodes[asked.node].name
            tally.broken(asked.arrived_us, name, f"granted while {view.live_units} of {capacity} slots were taken")
        elif asked.kind == Kind.REGISTER:
            tally.passed()
        if asked.kind == Kind.REGISTER:
            tally.side(view.live_units - capacity)


@judges("R019")
def members_need_no_list(history: History, tally: Tally) -> None:
    """Every register of a cluster member that passes every check: it is granted, like that of any node.

    Nobody was told beforehand which members there are.
    """
    for each in due(history):
        asked = each.exchange
        node = history.nodes[asked.node]
        if asked.kind != Kind.REGISTER or node.setup.cluster is None or each.verdict != Verdict.GRANTED:
            continue
        if asked.verdict == Verdict.GRANTED:
            tally.passed()
        else:
            tally.broken(asked.arrived_us, node.name, "a cluster member was refused that passes every check")
