"""The log of a server program: one JSON object a line, on the standard error stream."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import TextIO, TypeAlias, cast

import structlog

__all__ = ["Log", "open_log"]

#: What writes the records.
Log: TypeAlias = structlog.typing.FilteringBoundLogger


class _Stream:
    """The standard error stream, to which nobody may be listening any more: that is no reason to end."""

    def write(self, text: str) -> None:
        """Write ``text`` if that is possible."""
        with suppress(OSError, ValueError):
            sys.stderr.write(text)

    def flush(self) -> None:
        """Write what is held back."""
        with suppress(OSError, ValueError):
            sys.stderr.flush()


def open_log(level: int = logging.INFO) -> Log:
    """Return the log of what is at least of this level. Each record has its time (UTC), its level, and its own keys."""
    log: Log = structlog.wrap_logger(
        structlog.PrintLogger(cast(TextIO, _Stream())),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(sort_keys=True, ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
    )
    return log
