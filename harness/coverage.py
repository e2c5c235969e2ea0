"""Coverage: of each rule, whether it is judged, was reached, on which sides of its boundary, and caught a planted bug.

A matrix has a row for each entry of the catalogue and a column for each question. A cell is a count: 0 is a gap, and
`None` a question that makes no sense there, as that for the boundary of a rule that has none. What a matrix has filled
can be recorded, so that nobody loses a cell without noticing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from harness.proof import Proof
from harness.rulebook import JUDGES, Entry, Judgement, Ruling, catalogue

__all__ = [
    "COLUMNS",
    "PROGRAMS",
    "Cell",
    "Census",
    "Change",
    "Matrix",
    "Row",
    "catches",
    "compared",
    "filled",
    "gained",
    "lost",
]

#: The questions, in the order of the columns.
COLUMNS = ("judged", "reached", "below", "at", "above", "caught")
#: Whom a rule binds that binds a program.
PROGRAMS = frozenset({"S", "N"})

Cell = int | None
#: A cell, by its rule and its column.
Change = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is covered of one rule.

    ``ways`` says how it is judged: in the simulation, against the real programs, or not at all because the document
    errs and the product states what is right. It is empty for a rule that is not judged yet. ``cells`` has a count for
    each column of the matrix.
    """

    entry: Entry
    ways: tuple[str, ...]
    cells: Mapping[str, Cell]

    @property
    def binds_a_program(self) -> bool:
        """Whether it binds the server or a node."""
        return not PROGRAMS.isdisjoint(self.entry.binds)

    @property
    def gaps(self) -> list[str]:
        """The columns in which it has a gap."""
        return [column for column, cell in self.cells.items() if cell == 0]


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """What ``scenarios`` scenarios cover under one ``reading``.

    ``with_facts`` tells whether the facts count that are checked against the real programs, ``with_bugs`` whether the
    planted bugs of machines do, and ``with_programs`` whether those of programs do. ``violated`` are the rules that
    were broken in the scenarios.
    """

    reading: str
    scenarios: int
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    with_facts: bool = False
    with_bugs: bool = False
    with_programs: bool = False
    violated: tuple[str, ...] = ()

    @cached_property
    def by_rule(self) -> dict[str, Row]:
        """The rows, by the ids of their rules."""
        return {row.entry.id: row for row in self.rows}


class Census:
    """Counts what runs under ``reading`` put to the test, run by run."""

    def __init__(self, reading: str) -> None:
        self._reading = reading
        self._scenarios = 0
        self._tested: Counter[str] = Counter()
        self._sides: dict[str, Counter[str]] = {}
        self._violated: set[str] = set()

    def add(self, judgements: Mapping[str, Judgement]) -> None:
        """Count what the rules made of one run."""
        self._scenarios += 1
        for rule, each in judgements.items():
            self._tested[rule] += each.tested
            if each.sides is not None:
                self._sides.setdefault(rule, Counter()).update(each.sides._asdict())
            if each.ruling is Ruling.VIOLATED:
                self._violated.add(rule)

    def matrix(
        self,
        *,
        facts: Mapping[str, int] | None = None,
        caught: Mapping[str, int] | None = None,
        noticed: Mapping[str, int] | None = None,
    ) -> Matrix:
        """Return the matrix of all runs.

        :param facts: by the ids of the rules that are checked against the real programs, how many checks held; ``None``
            leaves the programs alone.
        :param caught: by the ids of rules, how many planted bugs of machines they caught; ``None`` leaves these alone.
        :param noticed: by the ids of rules, how many planted bugs of programs they noticed; ``None`` leaves these
            alone. Without both there is no column for them.
        """
        columns = COLUMNS if (caught, noticed) != (None, None) else COLUMNS[:-1]
        rows = tuple(self._row(entry, columns, facts or {}, caught, noticed) for entry in catalogue().values())
        violated = tuple(sorted(self._violated))
        return Matrix(
            reading=self._reading,
            scenarios=self._scenarios,
            columns=columns,
            rows=rows,
            with_facts=facts is not None,
            with_bugs=caught is not None,
            with_programs=noticed is not None,
            violated=violated,
        )

    def _row(
        self,
        entry: Entry,
        columns: Iterable[str],
        facts: Mapping[str, int],
        caught: Mapping[str, int] | None,
        noticed: Mapping[str, int] | None,
    ) -> Row:
        ways = [("simulation", entry.judged), ("programs", entry.id in facts)]
        corrected = "DOC" in entry.binds and not entry.judged
        ways.append(("corrected", corrected))
        cells: dict[str, Cell] = dict.fromkeys(COLUMNS)
        if not corrected or entry.id in facts:
            cells["judged"] = int(entry.judged or entry.id in facts)
            cells["reached"] = self._tested[entry.id] + facts.get(entry.id, 0)
        if entry.boundary:
            sides = self._sides.get(entry.id, Counter())
            cells |= {side: sides[side] for side in ("below", "at", "above")}
        found = (caught or {}).get(entry.id, 0) + (noticed or {}).get(entry.id, 0)
        if entry.judged:
            tried = caught is not None
        else:
            tried = noticed is not None or entry.id not in facts
        # What binds no program has a bug only by chance, and nobody asks for one where none was tried.
        owes_a_bug = tried and not PROGRAMS.isdisjoint(entry.binds)
        cells["caught"] = found if found or owes_a_bug else None
        return Row(
            entry=entry,
            ways=tuple(way for way, used in ways if used),
            cells={column: cells[column] for column in columns},
        )


def catches(proofs: Iterable[Proof]) -> Counter[str]:
    """Return how many planted bugs each rule caught that break it, by its id. One that was tried twice counts once."""
    found = {(proof.bug, each.rule): None for proof in proofs if proof.proven for each in proof.caught}
    return Counter(rule for _, rule in found)


# What is recorded of a matrix, and compared with a later one.


def filled(matrix: Matrix) -> dict[str, list[str]]:
    """Return the columns that each rule has filled, by its id; a rule that has none is left out."""
    found = {row.entry.id: [column for column, cell in row.cells.items() if cell] for row in matrix.rows}
    return {rule: columns for rule, columns in found.items() if columns}


def lost(matrix: Matrix, recorded: Mapping[str, Collection[str]]) -> list[Change]:
    """Return the cells that were filled when they were ``recorded``, and are not any more.

    Those that are not `compared` are left alone.
    """
    now = filled(matrix)
    return [
        (rule, column)
        for rule in sorted(recorded)
        for column in compared(matrix, rule)
        if column in recorded[rule] and column not in now.get(rule, ())
    ]


def compared(matrix: Matrix, rule: str) -> list[str]:
    """Return the columns of which the matrix can say anything for a rule.

    What only the programs can show is not seen without them, and which bugs are caught not where none were tried.
    """
    judged = rule in JUDGES
    seen, proven = (True, matrix.with_bugs) if judged else (matrix.with_facts, matrix.with_programs)
    return [column for column in matrix.columns if (proven if column == "caught" else seen)]


def gained(matrix: Matrix, recorded: Mapping[str, Collection[str]]) -> list[Change]:
    """Return the cells that are filled, and were not when they were ``recorded``."""
    return [
        (rule, column)
        for rule, columns in filled(matrix).items()
        for column in columns
        if column not in recorded.get(rule, ())
    ]
