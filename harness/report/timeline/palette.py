"""The colours of a timeline, the same on the page and in the picture.

A status belongs to a tone, and each tone has a fill and an ink that is readable on it, by day and by night. No two
tones that meet in one lane differ by hue alone, and what a colour says stands in words beside it.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["TONES", "Tone", "tone_css", "tone_of", "tones_by_status"]


class Tone(NamedTuple):
    """The fill and ink of a tone in a light page, and in a dark one."""

    fill: str
    ink: str
    dark_fill: str
    dark_ink: str


TONES = {
    "well": Tone("#24835f", "#ffffff", "#37a67c", "#04140d"),
    "waiting": Tone("#f2b632", "#362700", "#e0a526", "#1d1500"),
    "refused": Tone("#c93a46", "#ffffff", "#e4616b", "#1f0306"),
    "lost": Tone("#6f42a6", "#ffffff", "#a682dd", "#12061f"),
    "none": Tone("#d3dae2", "#414c58", "#3b4653", "#d3dbe4"),
    "up": Tone("#3f73a8", "#ffffff", "#5d97d1", "#04121f"),
    "clear": Tone("#e3e9ef", "#4d5965", "#2b3540", "#b3bfcb"),
    "down": Tone("#47525f", "#ffffff", "#97a4b2", "#0d1217"),
    "fault": Tone("#b1492f", "#ffffff", "#dd7c5f", "#1d0702"),
    "other": Tone("#7a8694", "#ffffff", "#8794a3", "#0d1217"),
}

_STATUSES = {
    "well": ("registered", "access open"),
    "waiting": ("interrupted",),
    "refused": ("rejected",),
    "lost": ("lapsed",),
    "none": ("unregistered", "not there"),
    "up": ("running",),
    "clear": ("clear",),
    "down": ("stopped", "crashed", "rebooting", "without power", "suspended", "hung", "destroyed"),
    "fault": (
        "cut",
        "firewall drops",
        "firewall rejects",
        "no names",
        "loses packets",
        "damages packets",
        "delays packets",
        "reorders packets",
        "doubles packets",
        "translates addresses",
        "forwards",
    ),
}
_TONE_BY_STATUS = {status: tone for tone, statuses in _STATUSES.items() for status in statuses}


def tone_of(status: str) -> str:
    """Return the name of the tone of ``status``; what stands in brackets behind it does not matter."""
    return _TONE_BY_STATUS.get(status.partition(" (")[0], "other")


def tones_by_status() -> dict[str, str]:
    """Return the tone of each known status."""
    return dict(_TONE_BY_STATUS)


def tone_css(*, dark: bool) -> str:
    """Return the tones as the custom properties ``--TONE`` and ``--TONE-ink`` of a style sheet."""
    parts = []
    for name, tone in TONES.items():
        fill, ink = (tone.dark_fill, tone.dark_ink) if dark else (tone.fill, tone.ink)
        parts.append(f"--{name}:{fill};--{name}-ink:{ink}")
    return ";".join(parts)
