"""Proof that the rule book and a set of scenarios are worth something: wrong programs, and which rule catches each.

A *planted bug* is a server or a node that is wrong on purpose, a small override of the right one, with the rules that
it breaks. It is proven if one of just these rules is violated in some scenario, and is not violated there by the right
machines. A bug that nobody notices, one that only other rules notice, and one that raises are failures: of the
scenarios, of the rules, or of the bug.

Bugs are declared where they are written::

    BUGS = Bugs()

    @BUGS.breaking("R034")
    class VoidsATickEarly(Authority):
        \"""Takes a request at exactly 24 h for late.\"""
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

from fake_fdl_nodes.node import Node
from harness.expectations import own_reading
from harness.pool import in_order
from harness.problems import Mistake, did_you_mean, shown
from harness.rulebook import JUDGES, Judgement, Ruling, judge
from harness.scenario import Scenario
from harness.systems.loading import found_in
from harness.wires import Memory, ServerFactory, WireFactory
from harness.world import RANKS_FROM, NodeFactory, run
from reference_server.authority import Authority
from reference_server.readings import reading_named

__all__ = ["OWN_BUGS", "Bug", "Bugs", "Catch", "Proof", "Prover", "declared", "load_bugs", "prove_all", "shared_out"]

#: Where the project's own bugs are, in its clone.
OWN_BUGS = "tests.planted_bugs"

_Wrong = TypeVar("_Wrong", bound=type[Any])


class _Declared(Protocol):
    """What every planted bug says of itself, be it one of a machine or of a program."""

    @property
    def name(self) -> str: ...
    @property
    def breaks(self) -> tuple[str, ...]: ...


_Kind = TypeVar("_Kind", bound=_Declared)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """One planted bug.

    ``wrong`` is what it gets wrong, in a sentence. ``breaks`` are the ids of the rules that have to notice, mostly one;
    of several (the document says some things twice) one is enough. ``server``, ``node`` and ``wire`` make the machines
    and the way between them, the right ones where they are left out.
    """

    name: str
    wrong: str
    breaks: tuple[str, ...]
    server: ServerFactory = Authority
    node: NodeFactory = Node
    wire: WireFactory = Memory


class Bugs(list[Bug]):
    """The bugs of a module, in the order in which they are declared."""

    def breaking(
        self, *rules: str, server: ServerFactory = Authority, node: NodeFactory = Node
    ) -> Callable[[_Wrong], _Wrong]:
        """Declare the decorated class, a wrong server, node or wire, as a bug that breaks ``rules``.

        Its name is the bug's, its docstring says what is wrong. Where it takes two to be wrong, ``server`` or ``node``
        is the other one.
        """

        def declare(wrong: _Wrong) -> _Wrong:
            what = " ".join((inspect.getdoc(wrong) or "").partition("\n\n")[0].replace("``", "").split())
            makes: dict[str, Any] = {"server": server, "node": node}
            kinds = {Authority: "server", Node: "node"}
            makes[next((kinds[kind] for kind in kinds if issubclass(wrong, kind)), "wire")] = wrong
            self.append(Bug(name=wrong.__name__, wrong=what, breaks=rules, **makes))
            return wrong

        return declare


class Catch(NamedTuple):
    """A bug was noticed: ``rule`` was violated in the scenario of the file ``scenario``."""

    rule: str
    scenario: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What became of one bug.

    ``caught`` are the rules of ``breaks`` that were violated in the scenario in which the first of them was, ``also``
    all other rules that were violated up to there, and ``anyway`` those of ``breaks`` that the right machines violate
    as well, which proves nothing. ``tried`` counts the scenarios up to there, or all. ``raised`` says what went wrong
    if the bug raised, or made a rule raise.

    Of a planted program (`harness.program_proof`) ``program`` is the command, which stands for the scenario, too;
    ``tried`` counts the facts, and ``missed`` are those of ``breaks`` that did not notice it, where each has to.
    """

    bug: str
    wrong: str
    breaks: tuple[str, ...]
    caught: tuple[Catch, ...] = ()
    also: tuple[Catch, ...] = ()
    anyway: tuple[Catch, ...] = ()
    tried: int = 0
    raised: str = ""
    program: str = ""
    missed: tuple[str, ...] = ()

    @property
    def proven(self) -> bool:
        """Whether a rule that it breaks has caught it, of a program each of them."""
        return bool(self.caught) and not self.raised and not self.missed


class Prover:
    """Tries bugs in ``scenarios``, which are gone through for each, each under its own reading.

    ``seeds``, one for each, are what the chance in them is drawn from; then they are tried as they come.
    """

    def __init__(self, scenarios: Iterable[Scenario], seeds: Sequence[int] | None = None) -> None:
        self._scenarios = scenarios
        self._seeds = seeds
        #: By file, the rules that the right machines violate.
        self._violated_anyway: dict[str, frozenset[str]] = {}

    def prove(self, bug: Bug) -> Proof:
        """Try ``bug`` until a rule that it breaks is violated.

        Without seeds, scenarios that name such a rule come first, and short ones before long ones; those that simulate
        a large fleet come last in any case.
        """
        also: list[Catch] = []
        in_vain: list[Catch] = []
        outcome: dict[str, Any] = {}
        tried = 0
        for scenario, seed in self._in_turn(bug):
            tried += 1
            try:
                judgements = _judgements(scenario, seed, server=bug.server, node=bug.node, wire=bug.wire)
            except Exception as error:
                outcome["raised"] = f"{type(error).__name__}: {error}, in {scenario.file}".replace(": ,", ",")
                break
            if trouble := next((each for each in judgements.values() if each.trouble), None):
                outcome["raised"] = f"{trouble.rule} {trouble.trouble}, in {scenario.file}"
                break
            violated = _violated(judgements)
            anyway = self._anyway(scenario, seed) if violated else frozenset()
            catches = [Catch(rule, scenario.file) for rule in violated if rule not in anyway]
            also += [catch for catch in catches if catch.rule not in bug.breaks]
            in_vain += [Catch(rule, scenario.file) for rule in violated if rule in anyway and rule in bug.breaks]
            if caught := tuple(catch for catch in catches if catch.rule in bug.breaks):
                outcome["caught"] = caught
                break
        outcome |= {"also": tuple(also), "anyway": tuple(in_vain), "tried": tried}
        return Proof(bug=bug.name, wrong=bug.wrong, breaks=bug.breaks, **outcome)

    def _in_turn(self, bug: Bug) -> Iterator[tuple[Scenario, int]]:
        if self._seeds is not None:
            return zip(self._scenarios, self._seeds, strict=True)
        return ((scenario, 0) for scenario in sorted(self._scenarios, key=lambda each: _turn(bug, each)))

    def _anyway(self, scenario: Scenario, seed: int) -> frozenset[str]:
        if scenario.file not in self._violated_anyway:
            self._violated_anyway[scenario.file] = frozenset(_violated(_judgements(scenario, seed)))
        return self._violated_anyway[scenario.file]


def _judgements(scenario: Scenario, seed: int, **machines: Any) -> dict[str, Judgement]:
    reading = reading_named(own_reading(scenario))
    return judge(scenario, reading, run(scenario, reading, seed=seed, **machines))


def _violated(judgements: dict[str, Judgement]) -> list[str]:
    return [rule for rule, each in judgements.items() if each.ruling is Ruling.VIOLATED]


def _turn(bug: Bug, scenario: Scenario) -> tuple[bool, bool, int, str]:
    """Return by what the scenarios are ordered in which ``bug`` is tried."""
    nodes = len(scenario.nodes)
    return nodes >= RANKS_FROM, not set(bug.breaks) & set(scenario.rules), nodes * scenario.duration_us, scenario.file


def load_bugs(module: str, folder: Path) -> dict[str, Bug]:
    """Return the bugs that the value ``BUGS`` of a module lists, by name, in order.

    :param module: its dotted name.
    :param folder: where it is looked up before the installed modules.
    :raises Mistake: if there is no such module, or its bugs are none.
    """
    return declared(module, folder, Bug, JUDGES, "a judged rule")


def declared(module: str, folder: Path, kind: type[_Kind], rules: Collection[str], called: str) -> dict[str, _Kind]:
    """Return the bugs of one ``kind`` that the value ``BUGS`` of a module lists, by name, in order.

    :param module: its dotted name, looked up in ``folder`` before the installed modules.
    :param rules: the ids that a bug may declare to break, each of which is ``called`` so.
    :raises Mistake: if there is no such module, or its bugs are none.
    """
    if not all(part.isidentifier() for part in module.split(".")):
        raise Mistake(shown(module), "the name of a module, such as package.module")
    with found_in([folder]):
        try:
            found = import_module(module)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{module}.".startswith(f"{error.name}."):
                raise _broken(module, error) from None
            raise Mistake(
                f"{module}, but no module {error.name}", f"a module that is installed, or lies in {folder}"
            ) from None
        except (Exception, SystemExit) as error:
            raise _broken(module, error) from None
    bugs = getattr(found, "BUGS", None)
    if not isinstance(bugs, (list, tuple)) or not bugs or not all(isinstance(each, kind) for each in bugs):
        which = f"{kind.__module__}.{kind.__name__}"
        expected = f"a list BUGS in it, of {which}; bugs of programs are for `fdl-harness prove --programs`"
        raise Mistake(f"no planted bugs in {module}", expected)
    by_name: dict[str, _Kind] = {}
    for bug in bugs:
        if bug.name in by_name:
            raise Mistake(f"two bugs named {bug.name} in {module}", "a name of its own for each")
        if not bug.breaks:
            raise Mistake(f"{bug.name} in {module}, which breaks no rule", "the id of a rule that it breaks")
        for rule in bug.breaks:
            if rule not in rules:
                hint = did_you_mean(rules, rule)
                raise Mistake(
                    f"{bug.name} in {module}, which breaks {shown(rule)}",
                    f"the id of {called}{hint}; `fdl-harness rules` lists them",
                )
        by_name[bug.name] = bug
    return by_name


def _broken(module: str, error: BaseException) -> Mistake:
    return Mistake(f"{module}, which cannot be imported: {type(error).__name__}: {error}", "a module that can be")


def prove_all(
    bugs: Sequence[Bug],
    scenarios: Iterable[Scenario],
    workers: int = 1,
    *,
    module: str = OWN_BUGS,
    folder: Path,
    seeds: Sequence[int] | None = None,
) -> Iterator[Proof]:
    """Yield what becomes of each of ``bugs``, in order, on ``workers`` processes.

    :param module: where `load_bugs` found them, and every worker finds them by their names.
    :param folder: where that is looked up first.
    :param seeds: what the chance in each scenario is drawn from, as for `Prover`.
    :raises InternalError: if a worker ended.
    """
    if workers <= 1 or len(bugs) <= 1:
        prover = Prover(scenarios, seeds)
        with found_in([folder]):
            yield from map(prover.prove, bugs)
        return
    yield from shared_out([bug.name for bug in bugs], workers, partial(_prepared, module, folder, scenarios, seeds))


def _prepared(
    module: str, folder: Path, scenarios: Iterable[Scenario], seeds: Sequence[int] | None
) -> Callable[[str], Proof]:
    # What a bug imports when it runs has to be found for as long as the worker lives.
    sys.path.insert(0, str(folder))
    bugs, prover = load_bugs(module, folder), Prover(scenarios, seeds)
    return lambda name: prover.prove(bugs[name])


def shared_out(names: Sequence[str], workers: int, prepare: Callable[[], Callable[[str], Proof]]) -> Iterator[Proof]:
    """Return what becomes of each of the bugs called ``names``, in order, on ``workers`` processes.

    Classes that come from somebody's folder find no way through a pipe: each worker imports them itself.

    :param prepare: is called in each worker, and returns what tries a bug by its name.
    :raises InternalError: if a worker ended.
    """
    return in_order(_prove, names, workers, partial(_begin, prepare))


#: What a worker has at hand: what tries a bug by its name.
_at_hand: list[Callable[[str], Proof]] = []


def _begin(prepare: Callable[[], Callable[[str], Proof]]) -> None:
    _at_hand.append(prepare())


def _prove(name: str) -> Proof:
    return _at_hand[0](name)
