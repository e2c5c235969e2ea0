"""Readings: the answers that can be defended where the document is vague or contradicts itself.

The document leaves questions open (does a server count its own downtime as silence, does a missed poll
close access, ...). A **reading** is a named, frozen set of answers. The authority, the node and the rule
book each take one and obey it; a scenario can be run under all of them to show which of its outcomes
depend on it. Every field answers one question in the default way, and is changed by the readings whose
row below names it. ``docs/readings.md`` tells each one as a story.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LITERAL", "READINGS", "Reading", "reading_named"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One set of answers to the open questions. The defaults are the answers of ``literal``."""

    name: str
    #: What the reading says, in a sentence, for tables and ``--help``.
    summary: str
    #: Q02. Any stop of the server voids every registration ("Configuring Auto-Startup", Windows).
    stop_voids_slots: bool = False
    #: Q03. The server counts its own downtime as silence of the nodes (Note 11 over Note 10).
    downtime_is_silence: bool = True
    #: Q01, Q36. A lapsed node goes on polling and is revived if the server still holds its slot.
    lapsed_node_polls: bool = False
    #: Q04. It takes a request sent *later* than 24 h after last contact to lapse a node, and the
    #: server gives a slot one period more (26 h).
    lapse_needs_later_miss: bool = False
    #: Q05. Twelve failed attempts in a row lapse a node, instead of the 24 h deadline.
    lapse_by_count: bool = False
    #: Q09. A refusal is treated as silence: the node is interrupted, not rejected.
    refusal_is_silence: bool = False
    #: Q07. Access closes at the first unanswered request and opens at the next answered one.
    silence_closes_access: bool = False
    #: Q08. Of several failures since the last success the first one keeps being shown.
    first_failure_stays: bool = False
    #: Q44. A cluster takes one slot, whatever its members.
    cluster_takes_one_slot: bool = False


LITERAL = Reading(
    name="literal",
    summary="Note 11 is the law: 24 h since last contact, counted at both ends.",
)

#: Every named reading, in the order in which tables show them.
READINGS: dict[str, Reading] = {
    reading.name: reading
    for reading in (
        LITERAL,
        Reading(
            name="revive",
            summary="Note 10 wins: the server's downtime is not silence unless one stop exceeds 24 h; "
            "a lapsed node goes on polling and may be revived.",
            downtime_is_silence=False,
            lapsed_node_polls=True,
        ),
        Reading(
            name="thirteenth-miss",
            summary="Only a request sent later than 24 h after last contact lapses a node when it fails; "
            "the server voids a slot after 26 h.",
            lapse_needs_later_miss=True,
        ),
        Reading(
            name="twelve-strikes",
            summary="Twelve failed attempts in a row lapse a node, however fast they came; "
            "a refusal is treated as silence.",
            lapse_by_count=True,
            refusal_is_silence=True,
        ),
        Reading(
            name="stop-closes-access",
            summary="Access closes at the first unanswered request and opens at the next answered one.",
            silence_closes_access=True,
        ),
        Reading(
            name="windows-close",
            summary="Any stop of the server voids all registrations.",
            stop_voids_slots=True,
        ),
        Reading(
            name="first-in-time",
            summary="Of several failures since the last success, the first one keeps being shown.",
            first_failure_stays=True,
        ),
        Reading(
            name="cluster-is-one",
            summary="A cluster takes one slot, whatever its members.",
            cluster_takes_one_slot=True,
        ),
    )
}


def reading_named(name: str) -> Reading:
    """Return the reading called ``name``.

    :raises KeyError: if there is none; the message lists those that there are.
    """
    try:
        return READINGS[name]
    except KeyError:
        raise KeyError(f"no reading is named {name!r}; the readings are {', '.join(READINGS)}") from None
