"""The file of a sweep, from which it goes on: a line of JSON for each seed that is done, below one for the question."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Self

from harness.problems import Mistake
from harness.sweep.trial import Breach, Question, Trial

__all__ = ["Ledger"]


class Ledger:
    """The trials of one question in ``path``, which is made if it is not there. Use it as a context.

    :raises Mistake: if the file is of another question or version, or no ledger.
    :raises OSError: if it cannot be read or written.
    """

    def __init__(self, path: Path, question: Question) -> None:
        self._path = path
        self.done: dict[int, Trial] = {}
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        whole = text[: text.rfind("\n") + 1]  # What was being written when the sweep ended is left out.
        lines = whole.splitlines()
        if text:
            self._check(lines[0] if lines else text, question)
            for number, line in enumerate(lines[1:], 2):
                trial = self._trial(number, line)
                self.done[trial.seed] = trial
        self._file: TextIOWrapper = path.open("w" if not lines else "r+", encoding="utf-8")
        if lines:
            self._file.truncate(len(whole.encode()))
            self._file.seek(0, 2)
        else:
            self._write({"fdl-harness sweep": asdict(question)})

    def add(self, trials: Iterable[Trial]) -> None:
        """Note what is done, at once."""
        for trial in trials:
            self.done[trial.seed] = trial
            self._write(asdict(trial))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _write(self, what: dict[str, Any]) -> None:
        self._file.write(json.dumps(what) + "\n")
        self._file.flush()

    def _check(self, line: str, question: Question) -> None:
        try:
            found = dict(json.loads(line)["fdl-harness sweep"])
        except (ValueError, KeyError, TypeError):
            raise Mistake(f"{self._path}, which is no ledger of a sweep", "one, or a file that is not there") from None
        for key, value in asdict(question).items():
            if found.get(key) != value:
                expected = f"{value!r} as in this call; give another file, or make the same call"
                raise Mistake(f"a ledger ({self._path}) of a sweep with {key} = {found.get(key)!r}", expected)

    def _trial(self, number: int, line: str) -> Trial:
        try:
            data = json.loads(line)
            breaches = tuple(
                Breach(
                    what=str(each["what"]),
                    at_us=None if each["at_us"] is None else int(each["at_us"]),
                    node=each["node"],
                    message=str(each["message"]),
                )
                for each in data["breaches"]
            )
            return Trial(
                seed=int(data["seed"]),
                kinds=tuple(data["kinds"]),
                tested=tuple(data["tested"]),
                digest=data["digest"],
                breaches=breaches,
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            expected = "what came of one seed; remove the line, and its seed is run again"
            raise Mistake(f"line {number} of {self._path}, which tells nothing", expected) from None
