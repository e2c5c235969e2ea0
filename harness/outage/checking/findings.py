"""What checking a record finds: of each rule what was obeyed, what was not, and what cannot be decided.

A rule is *violated* only if no history that fits the record obeys it, *held* if the record as it stands shows the rule
put to the test and obeyed, and else *unknown*.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.outage.checking.seen import Seen
from harness.rulebook import Ruling

__all__ = ["Checked", "Notes", "Open", "Proof"]

#: So many occasions on which a rule was obeyed are told; of the others there are many, and they are alike.
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Proof:
    """A sentence about what the document says of some lines of the file."""

    sentence: str
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Open:
    """What cannot be decided, and what further line would decide it. It happened ``times``, on these lines."""

    sentence: str
    wanted: str
    lines: tuple[int, ...]
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What became of one rule.

    ``tested`` counts the occasions on which it was obeyed or broken, ``obeyed`` has the first of the former, ``broken``
    all of the latter. ``wanted`` is what would put the rule to the test, for one that nothing did.
    """

    rule: str
    ruling: Ruling
    tested: int
    obeyed: tuple[Proof, ...] = ()
    broken: tuple[Proof, ...] = ()
    undecided: tuple[Open, ...] = ()
    wanted: str = ""


class Notes:
    """Collects what one check finds.

    :param complete: whether what is not in the record did not happen.
    """

    def __init__(self, *, complete: bool) -> None:
        self._complete = complete
        self._passed = 0
        self._obeyed: list[Proof] = []
        self._broken: list[Proof] = []
        self._open: dict[tuple[str, str], list[tuple[int, ...]]] = {}

    def obeyed(self, sentence: str, *lines: Seen) -> None:
        """Note an occasion on which the rule was obeyed."""
        self._passed += 1
        if len(self._obeyed) < _SHOWN:
            self._obeyed.append(Proof(sentence, _numbers(lines)))

    def broken(self, sentence: str, *lines: Seen) -> None:
        """Note what no history explains in which the rule is obeyed."""
        self._broken.append(Proof(sentence, _numbers(lines)))

    def unless(self, missing: str, sentence: str, *lines: Seen) -> None:
        """Note what breaks the rule unless something is ``missing`` in the record: a line "for ..."."""
        if self._complete:
            self.broken(sentence, *lines)
        else:
            self.open(sentence, f"a line for {missing}; if there was none, --complete", *lines)

    def open(self, sentence: str, wanted: str, *lines: Seen) -> None:
        """Note what cannot be decided, and what would decide it."""
        self._open.setdefault((sentence, wanted), []).append(_numbers(lines))

    def checked(self, rule: str, wanted: str) -> Checked:
        """Return what became of ``rule``, which ``wanted`` puts to the test."""
        held_or_not = Ruling.HELD if self._passed else Ruling.UNKNOWN
        return Checked(
            rule=rule,
            ruling=Ruling.VIOLATED if self._broken else held_or_not,
            tested=self._passed + len(self._broken),
            obeyed=tuple(self._obeyed),
            broken=tuple(self._broken),
            undecided=tuple(
                Open(sentence, asked, tuple(dict.fromkeys(line for each in lines for line in each)), len(lines))
                for (sentence, asked), lines in self._open.items()
            ),
            wanted=wanted,
        )


def _numbers(lines: Iterable[Seen]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(each.line for each in lines))
