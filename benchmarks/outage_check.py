"""How long it takes to read and check a long record: by default 300 nodes of 333 rows each, 100,000 lines.

    python benchmarks/outage_check.py [NODES [ROWS]]

The nodes poll every two hours, and the server is stopped for 30 h of every 60, so that each lists twelve failures,
lapses, and is registered again. Some lines come at odd times, and every node is looked at after each stop. It is
checked as a record with gaps and as a complete one, and so is one in which a single node has all of the rows.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from harness.outage.checking import Terms, check
from harness.outage.reading import read_record
from harness.outage.record import Observation, Record
from harness.outage.words import meaning
from harness.outage.writing import timeline
from harness.report.checked import checked_as_text, checked_lines

MINUTE = 60_000_000
HOUR = 60 * MINUTE
#: 2026-01-01T00:00:00Z.
START = 1_767_225_600_000_000


def lines_of(nodes: int, rows: int) -> Iterator[tuple[int, str, str, str]]:
    """Yield the lines as (time, source, event, detail): of each node so many rows, and what else is recorded."""
    stops = -(-rows // 12)
    for stop in range(stops):
        begun = START + stop * 60 * HOUR + 10 * HOUR
        yield begun, "server", "stopped", ""
        yield begun + 30 * HOUR, "server", "started", ""
        yield begun + 31 * HOUR, "server", "status", "0"
    for node in range(nodes):
        name, phase = f"node-{node}", node * 7_919 % 7_200 * 1_000_000
        for row in range(rows):
            stop, miss = divmod(row, 12)
            odd = 17 * MINUTE if row % 50 == 49 else 0
            yield START + stop * 60 * HOUR + 10 * HOUR + phase + miss * 2 * HOUR + odd, name, "failed", "/"
        for stop in range(stops):
            back = START + stop * 60 * HOUR + 40 * HOUR
            yield back + HOUR, name, "status", "lapsed"
            yield back + 2 * HOUR + phase, name, "registered", ""


def written(folder: Path, nodes: int, rows: int) -> Path:
    """Write the record and return its file."""
    seen = []
    for number, (at_us, source, event, detail) in enumerate(lines_of(nodes, rows), start=2):
        means = meaning(source, event, detail)
        seen.append(Observation(line=number, at_us=at_us, source=source, what=means.what, **means.fields))
    file = folder / f"{nodes}x{rows}.csv"
    with file.open("w", encoding="utf-8") as stream:
        stream.writelines(timeline(Record(str(file), tuple(seen))))
    return file


def main(nodes: int = 300, rows: int = 333) -> None:
    """Print how many seconds each part takes."""
    print(f"{'record':>14}  {'lines':>7}  {'read':>6}  {'check':>6}  {'complete':>8}  {'report':>6}  {'in all':>6}")
    with tempfile.TemporaryDirectory() as folder:
        for shape in ((nodes, rows), (1, nodes * rows)):
            file = written(Path(folder), *shape)
            marks = [time.perf_counter()]
            record = read_record(file)
            marks.append(time.perf_counter())
            terms = Terms()
            found = check(record, terms)
            marks.append(time.perf_counter())
            check(record, Terms(complete=True))
            marks.append(time.perf_counter())
            list(checked_lines(record, terms, found))
            checked_as_text(record, terms, found)
            marks.append(time.perf_counter())
            read, checked, complete, report = (after - before for before, after in pairwise(marks))
            whole = read + checked + report
            print(
                f"{shape[0]:>7} x {shape[1]:<6} {len(record.observations):>7}  {read:>6.2f}  {checked:>6.2f}  "
                f"{complete:>8.2f}  {report:>6.2f}  {whole:>6.2f}"
            )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
