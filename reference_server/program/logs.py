"""The log of a server program: one JSON object a line, on the standard error stream."""

from __future__ import annotations

import sys
from typing import TypeAlias

import structlog

__all__ = ["Log", "open_log"]

#: What writes the records.
Log: TypeAlias = structlog.typing.FilteringBoundLogger


def open_log() -> Log:
    """Return the log. Each record has its time (UTC), its level, and the event's own keys."""
    log: Log = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(sort_keys=True, ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(20),
    )
    return log
