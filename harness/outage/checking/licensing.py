"""Checks of the capacity and of the addresses, which need the installation: what is licensed, and to whom."""

from __future__ import annotations

from typing import NamedTuple

from harness.outage.checking.evidence import Evidence, NodeEvidence, asks_for_unbind
from harness.outage.checking.findings import Notes
from harness.outage.checking.judging import checks
from harness.outage.checking.seen import Seen
from reference_server.addresses import format_address
from reference_server.codes import Code

__all__: list[str] = []

_INSTALLATION = "--installation FILE"


@checks("R023", "R115", wanted=f"{_INSTALLATION}, and a failure 30003 or a register")
def addresses_are_licensed(evidence: Evidence, notes: Notes) -> None:
    """Every register that succeeded: the address of the node is inside the licensed ranges. And every 30003: it is not.

    An address is that of the installation until a line tells another. A 30003 of a licensed address contradicts
    nothing: the packet may have been translated on the way, which the record cannot tell.
    """
    for node in evidence.nodes:
        for row in node.rows:
            if row.it.code is Code.LICENSE_IP_ERROR:
                _judge_refused(evidence, node, row, notes)
        for register in node.registered:
            known = node.address_at(register)
            if evidence.licence is None or known is None:
                continue
            address, lines = known
            if any(first <= address <= last for first, last in evidence.licence.ranges):
                notes.obeyed("a node was registered from a licensed address", *lines, register)
            else:
                said = f"{node.name} was registered from {format_address(address)}, which is not licensed"
                notes.broken(said, *lines, register)


def _judge_refused(evidence: Evidence, node: NodeEvidence, row: Seen, notes: Notes) -> None:
    known = node.address_at(row)
    if evidence.licence is None or known is None:
        notes.open("a 30003", f"{_INSTALLATION}, or a line for the address of the node", row)
    elif any(first <= known[0] <= last for first, last in evidence.licence.ranges):
        notes.open(
            "a 30003 of a node whose address is licensed: by the document, the packet was translated on the way (NAT)",
            "what is on the way between the node and the server",
            *known[1],
            row,
        )
    else:
        notes.obeyed("a 30003 of a node whose address is not licensed", *known[1], row)


class _Claim(NamedTuple):
    """Since when and until when a node surely holds a slot, as the line of its register proves."""

    at_us: int
    begins: bool
    node: str
    line: Seen


@checks("R018", "R072", "R099", wanted=f"{_INSTALLATION}, and what the server counts, or registers")
def never_beyond_the_capacity(evidence: Evidence, notes: Notes) -> None:
    """Every number of registered nodes that the server showed: it is not above the capacity. And every register that
    succeeded: those who hold a slot for sure are not more.

    A node surely holds one from its register on for 24 h, unless it was unbound, which only a complete record excludes.
    """
    if evidence.licence is None:
        for count in evidence.counts:
            notes.open("the server counts the registered nodes", f"{_INSTALLATION}, with the capacity", count)
        return
    capacity = evidence.licence.capacity
    for count in evidence.counts:
        assert count.it.count is not None, "it is a line that counts"
        if count.it.count > capacity:
            notes.broken(f"the server counts {count.it.count} registered nodes, and {capacity} are licensed", count)
        else:
            notes.obeyed("the server counts no more nodes than are licensed", count)
    holders: dict[str, Seen] = {}
    for claim in _claims(evidence):
        if not claim.begins:
            if holders.get(claim.node) is claim.line:
                del holders[claim.node]
            continue
        holders[claim.node] = claim.line
        if len(holders) > capacity:
            said = f"{len(holders)} nodes hold a slot at the same time, and {capacity} are licensed"
            notes.unless("an unbind of one of them", said, *holders.values())
            # Each further node is told once.
            del holders[next(iter(holders))]
        else:
            notes.obeyed("a node was registered while no more than are licensed held a slot", claim.line)


def _claims(evidence: Evidence) -> list[_Claim]:
    """Return the begins and ends of the stretches in which units surely hold a slot, in order."""
    claims: list[_Claim] = []
    # When all slots may have been lost at once.
    ending = [
        begun.first_us
        for stop in evidence.stops
        if evidence.reading.stop_voids_slots or stop.destroyed
        for begun in (stop.begun, stop.again)
    ]
    for node in evidence.nodes:
        cluster = None if node.setup is None else node.setup.cluster
        unit = f"cluster {cluster}" if evidence.reading.cluster_takes_one_slot and cluster else node.name
        for register in node.registered:
            until_us = register.first_us - evidence.timeout_us + evidence.least_day_us
            unbinds = [row for row in node.rows.around(register.first_us, until_us) if asks_for_unbind(row)]
            unbinds += node.unbound.around(register.first_us, until_us)
            ends = [each.first_us - evidence.timeout_us for each in unbinds]
            ends += [
                each
                for each in ending
                if register.first_us - evidence.timeout_us <= each + 2 * evidence.error_us and each < until_us
            ]
            ends_us = min([until_us, *ends])
            if ends_us > register.last_us:
                claims.append(_Claim(register.last_us, True, unit, register))
                claims.append(_Claim(ends_us, False, unit, register))
    # What ends at an instant has ended when something begins at it.
    return sorted(claims, key=lambda claim: (claim.at_us, claim.begins))


@checks("R118", wanted=f"{_INSTALLATION}, with the capacity, and a failure 30007")
def no_slot_is_left(evidence: Evidence, notes: Notes) -> None:
    """Every 30007: every slot is taken. It is wrong if there are no more nodes in all, those of the installation and of
    the record, than slots. Where there are more, the record shows who held one only in part.
    """
    rows = [(node, row) for node in evidence.nodes for row in node.rows if row.it.code is Code.REGISTER_OUT_OF_LIMIT]
    for node, row in rows:
        if evidence.licence is None or evidence.installation is None:
            notes.open("a 30007", f"{_INSTALLATION}, with the capacity and all nodes", row)
            continue
        everybody = {setup.installation for setup in evidence.installation.nodes}
        unknown = [each.name for each in evidence.nodes if each.setup is None]
        count = len(everybody) + len(unknown)
        if count <= evidence.licence.capacity:
            slots = evidence.licence.capacity
            notes.broken(
                f"{node.name} was refused for want of a slot, and there are {count} nodes for {slots} slots", row
            )
            continue
        near = list(evidence.counts.around(row.first_us, row.last_us))
        full = next((each for each in near if (each.it.count or 0) >= evidence.licence.capacity), None)
        if full is not None:
            notes.obeyed("a 30007 when the server counts as many nodes as are licensed", full, row)
        else:
            notes.open("a 30007", "how many nodes the server counted then", row)
