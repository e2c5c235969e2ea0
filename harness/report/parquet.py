"""The trace as Parquet: a folder with a file for each table, for data frames and SQL over large runs.

The columns are those of `harness.trace`, with their units in their names. Nodes, and what is one of a few things, are
words in place of numbers; what does not apply is null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any

from harness.runner import Result
from harness.trace import (
    NEVER,
    EdgeKind,
    Outcome,
    SlotChange,
    Spoilt,
    Status,
    Table,
    TransitionReason,
    Verdict,
)
from reference_server.protocol import Code, Kind

__all__ = ["TABLES", "write_parquet"]

#: The tables of a trace, each in a file of its own.
TABLES = ("exchanges", "copies", "beats", "transitions", "access", "failures", "slots", "counts", "edges")


def _lower(kinds: type[IntEnum]) -> dict[int, str]:
    return {int(kind): kind.name.lower() for kind in kinds}


_CODES = {int(code): code.label or code.shown_name for code in Code}
_VERDICTS = {**{int(code): str(int(code)) for code in Code}, **_lower(Verdict)}
#: By column, or by table and column, what its numbers mean.
_WORDS: Mapping[str, Mapping[int, str]] = {
    "exchanges.kind": _lower(Kind),
    "exchanges.spoilt": _lower(Spoilt),
    "exchanges.outcome": _lower(Outcome),
    "verdict": _VERDICTS,
    "before": _lower(Status),
    "after": _lower(Status),
    "reason": _lower(TransitionReason),
    "code": _CODES,
    "shown": _CODES,
    "change": _lower(SlotChange),
    "what": _lower(EdgeKind),
}
_FLAGS = ("lost", "answer_lost", "opened", "done")


def write_parquet(result: Result, folder: Path) -> None:
    """Write the trace of ``result`` into ``folder``, which exists.

    :raises ImportError: if pyarrow is not installed.
    :raises OSError: if a file cannot be written.
    """
    from pyarrow import parquet

    trace = result.trace
    about = {
        "simulated": "true",
        "scenario": result.scenario.title,
        "reading": result.reading.name,
        "seed": str(result.seed),
        "digest": result.digest,
    }
    for name in TABLES:
        table = _table(name, getattr(trace, name), trace.nodes, trace.host)
        parquet.write_table(table.replace_schema_metadata(about), folder / f"{name}.parquet", compression="zstd")


def _table(name: str, rows: Table[Any], nodes: Sequence[str], host: Callable[[int], str]) -> Any:
    """Return a table of a trace as Arrow has it."""
    import pyarrow as pa

    columns: dict[str, Any] = {}
    for column_name in rows.names:
        column = pa.Array.from_buffers(pa.int64(), len(rows), [None, pa.py_buffer(rows.column(column_name))])
        words = _WORDS.get(f"{name}.{column_name}") or _WORDS.get(column_name)
        if column_name == "node":
            columns["node"] = _spelled(column, dict(enumerate(nodes)))
        elif column_name == "host":
            columns["host"] = _spelled(column, {place: host(place) for place in (-2, -1, *range(len(nodes)))})
        elif words is not None:
            columns[column_name] = _spelled(column, words)
        elif column_name in _FLAGS:
            columns[column_name] = column.cast(pa.bool_())
        else:
            columns[column_name] = _without_never(column)
    return pa.table(columns)


def _spelled(column: Any, words: Mapping[int, str]) -> Any:
    """Return a column of words for one of numbers."""
    import pyarrow as pa
    from pyarrow import compute

    numbers = sorted(words)
    places = compute.index_in(column, value_set=pa.array(numbers, pa.int64()))
    return pa.DictionaryArray.from_arrays(places, pa.array([words[number] for number in numbers]))


def _without_never(column: Any) -> Any:
    """Return a column in which what does not apply is null."""
    import pyarrow as pa
    from pyarrow import compute

    return compute.if_else(compute.equal(column, NEVER), pa.scalar(None, pa.int64()), column)
