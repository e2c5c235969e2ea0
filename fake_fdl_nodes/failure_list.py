"""The failures of all nodes in one list, as Registration Management shows it: in order, filtered, and as a file.

The file is a table (CSV) with the columns time, node and reason, whatever language the page is in. It is what
``fdl-harness outage`` reads as a record of an outage.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from fake_fdl_nodes.failures import FailureRow, dated, described, shown_date
from reference_server.protocol import Code

__all__ = ["EVERY", "Failure", "Filter", "csv_text", "listed"]


class Failure(NamedTuple):
    """A failure, and the node whose it is."""

    node: str
    row: FailureRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which failures are shown: those of a node, of a reason, and of the days from ``since`` to ``until`` in UTC.

    What is empty or ``None`` leaves out nothing.
    """

    node: str = ""
    code: Code | None = None
    since: date | None = None
    until: date | None = None

    def shows(self, failure: Failure) -> bool:
        """Tell whether ``failure`` is shown."""
        day = dated(failure.row.wall_us).date()
        return (
            self.node in ("", failure.node)
            and self.code in (None, failure.row.code)
            and (self.since is None or day >= self.since)
            and (self.until is None or day <= self.until)
        )


#: Leaves out none.
EVERY = Filter()


def listed(rows: Iterable[tuple[str, Sequence[FailureRow]]], only: Filter = EVERY) -> list[Failure]:
    """Return the failures of all nodes in order of time, at one instant in order of the nodes.

    :param rows: each node's name with its failure list.
    """
    failures = [Failure(name, row) for name, each in rows for row in each]
    failures.sort(key=lambda failure: failure.row.wall_us)
    return [failure for failure in failures if only.shows(failure)]


def csv_text(failures: Iterable[Failure]) -> str:
    """Return a table of ``failures`` with the columns time, node and reason."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["time", "node", "reason"])
    writer.writerows((shown_date(each.row.wall_us), each.node, described(each.row.code)) for each in failures)
    return text.getvalue()
