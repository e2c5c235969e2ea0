"""The catalogue: every rule, fact, number, code and name that the document states, paraphrased and numbered."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from harness.rulebook.judging import BOUNDARIES, JUDGES

__all__ = ["BINDS", "Entry", "catalogue"]

#: Whom a rule can bind, by the letters of the catalogue.
BINDS = {
    "S": "the server",
    "N": "a node",
    "AP": "the applicant",
    "IS": "the issuer",
    "NW": "the network",
    "OP": "the operator",
    "DOC": "the document alone",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry. ``binds`` has keys of `BINDS`; ``correction`` is what is right where the document errs; ``program`` is
    what the real programs make of it.
    """

    id: str
    text: str
    place: str
    binds: tuple[str, ...]
    correction: str = ""
    program: str = ""

    @property
    def judged(self) -> bool:
        """Whether this world can put it to the test, and does."""
        return self.id in JUDGES

    @property
    def boundary(self) -> str:
        """At which number it begins to say something else, in words; empty if it has none."""
        return BOUNDARIES.get(self.id, "")

    @property
    def test(self) -> str:
        """What puts it to the test, in a sentence or two; empty if no trace can."""
        doc = JUDGES[self.id].__doc__ if self.judged else None
        return " ".join((doc or "").split())


@cache
def catalogue() -> dict[str, Entry]:
    """Return every entry, by id, in order."""
    with (files("harness.rulebook") / "catalogue.toml").open("rb") as file:
        data = tomllib.load(file)
    return {
        rule: Entry(
            id=rule,
            text=entry["text"],
            place=entry["place"],
            binds=tuple(entry["binds"]),
            correction=entry.get("correction", ""),
            program=entry.get("program", ""),
        )
        for rule, entry in data.items()
    }
