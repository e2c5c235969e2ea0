"""Reading a record: a file becomes rows, a row an observation, and all that cannot be read is told at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from typing import TypeVar

from harness.outage.columns import Columns
from harness.outage.errors import RecordError
from harness.outage.record import NETWORK, Observation, Record
from harness.outage.rows import Row, Rows
from harness.outage.text import read_text
from harness.outage.times import Dating, Order, Written, order_of, written
from harness.outage.words import Meaning, meaning, source_of
from harness.problems import Mistake, Problem, one_of, shown
from harness.scenario import SERVER

__all__ = ["Options", "parse_record", "read_record"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What somebody says of a file that the file does not say.

    ``zone`` is that of times without one, ``columns`` has the key of each column that the file calls otherwise,
    ``dates`` says how 03/04/2026 is meant, ``node`` whose list it is. With ``lenient`` lines that cannot be read are
    left out.
    """

    zone: tzinfo | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    dates: Order | None = None
    node: str | None = None
    lenient: bool = False


def read_record(path: str | Path, options: Options | None = None) -> Record:
    """Return what the file at ``path`` records: a timeline, or a list of failures.

    :raises RecordError: with all problems, if there is one; with ``lenient``, only if nothing is left.
    """
    return parse_record(read_text(Path(path)), file=str(path), options=options)


def parse_record(text: str, *, file: str = "<string>", options: Options | None = None) -> Record:
    """Return what ``text`` records. ``file`` is its name in messages.

    :raises RecordError: as `read_record` does.
    """
    options = options or Options()
    rows = Rows(text, file, Columns(options.columns, options.node))
    problems = list(rows.problems)
    observations = list(_observations(rows, options, problems))
    if not observations and not problems:
        raise RecordError([Problem(file=file, found="no row", expected="at least one")])
    if problems and not (options.lenient and observations):
        raise RecordError(problems, lenient=bool(observations))
    return Record(
        file=file,
        observations=tuple(sorted(observations, key=lambda each: (each.at_us, each.line))),
        left_out=RecordError(problems).problems,
    )


def _observations(rows: Rows, options: Options, problems: list[Problem]) -> Iterator[Observation]:
    """Yield what the rows say, and put down what is wrong with the others."""
    # Rows repeat themselves, so each text is read once.
    dates = _each((row.time for row in rows.rows), written)
    order, order_line = (options.dates, 0) if options.dates else _proven(rows.rows, dates)
    dating = Dating(options.zone, order, order_line)
    instants = _each(dates, lambda text: _instant(dating, text, dates[text]))
    named = _named(rows.rows)
    meanings = _each(((row.source, row.event, row.detail) for row in rows.rows), lambda words: _meaning(words, named))
    for row in rows.rows:
        instant, words = instants[row.time], meanings[row.source, row.event, row.detail]
        if isinstance(instant, Mistake):
            problems.append(rows.problem(row.line, Mistake(instant.found, instant.expected, key="time")))
        if isinstance(words, Mistake):
            problems.append(rows.problem(row.line, words))
        if not isinstance(instant, Mistake) and not isinstance(words, Mistake):
            at_us, unit_us = instant
            yield Observation(
                line=row.line, at_us=at_us, unit_us=unit_us, source=words.source, what=words.what, **words.fields
            )


Key = TypeVar("Key")


def _each(texts: Iterable[Key], read: Callable[[Key], T]) -> dict[Key, T | Mistake]:
    """Return what each of ``texts`` means, or what is wrong with it."""
    meanings: dict[Key, T | Mistake] = {}
    for text in texts:
        if text not in meanings:
            try:
                meanings[text] = read(text)
            except Mistake as mistake:
                meanings[text] = mistake
    return meanings


def _proven(rows: Iterable[Row], dates: Mapping[str, Written | Mistake]) -> tuple[Order | None, int]:
    """Return the order of day and month that the file proves, and the first line that does."""
    read = ((row.line, dates[row.time]) for row in rows)
    return order_of((line, date) for line, date in read if isinstance(date, Written))


def _instant(dating: Dating, text: str, date: Written | Mistake) -> tuple[int, int]:
    """Return the instant that was written, and how coarse it was written."""
    if isinstance(date, Mistake):
        raise date
    return dating.instant(text, date), date.unit_us


def _meaning(words: tuple[str, str, str], named: Mapping[str, None]) -> Meaning:
    """Return what the words of a row mean. ``named`` are the nodes that rows are about."""
    what = meaning(*words)
    # Words that explain a cut must not pass for the names of nodes, which would be the only ones that it concerns.
    for name in what.fields.get("nodes", ()):
        if name not in named:
            expected = "nothing (all nodes), or the nodes that were cut off, of which other lines tell"
            hint = f": {one_of(named, name)}" if named else ""
            raise Mistake(shown(name), f"{expected}{hint}; words are for a note", key="detail")
    return what


def _named(rows: Iterable[Row]) -> dict[str, None]:
    """Return the names of the nodes that rows are about, in order."""
    names = _each((row.source for row in rows), source_of).values()
    return {name: None for name in names if isinstance(name, str) and name not in (SERVER, NETWORK)}
