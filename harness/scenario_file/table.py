"""What all tables of a scenario file have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import BaseModel, ConfigDict

from harness.problems import Mistake

__all__ = ["Table"]


class Table(BaseModel):
    """Any table."""

    model_config = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True)

    @classmethod
    def not_together(cls, keys: Mapping[str, object]) -> Iterator[Mistake]:
        """Yield what is wrong with which ``keys`` are there, whatever their values."""
        yield from ()
