"""What became of planted bugs: a table, what to do about those that were not caught, and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from harness.planting import ProgramBug
from harness.problems import Mistake
from harness.proof import Bug, Catch, Proof
from harness.report.table import progress, shorten

__all__ = ["proofs_as_text", "proofs_from_text", "show_failures", "show_proofs", "summary"]


def show_proofs(proofs: Iterable[Proof], bugs: Sequence[Bug] | Sequence[ProgramBug], console: Console) -> list[Proof]:
    """Print a line for each of ``proofs`` when it is there, and a progress bar below them on a terminal.

    :param bugs: what is being proven, in the order of the proofs.
    """
    name = max(len(bug.name) for bug in bugs)
    rules = max(9, *(len(" ".join(bug.breaks)) for bug in bugs))
    place = max(len(bug.command) if isinstance(bug, ProgramBug) else 48 for bug in bugs)
    done = []
    header = f"{'bug':<{name}}  {'caught by':<{rules}}  {'in':<{place}}  after  what it gets wrong"
    console.print(Text(header, style="bold"), soft_wrap=True)
    with progress(len(bugs), console) as advance:
        for proof in proofs:
            line = Text(f"{proof.bug:<{name}}  ")
            caught = " ".join(catch.rule for catch in proof.caught) if proof.proven else "-"
            line.append(f"{caught:<{rules}}", style="green" if proof.proven else "bold red")
            where = shorten(proof.caught[0].scenario) if proof.proven else "-"
            line.append(f"  {where:<{place}}  {proof.tried:>5}  {proof.wrong}")
            console.print(line, highlight=False, soft_wrap=True)
            advance(1)
            done.append(proof)
    return done


def show_failures(proofs: Sequence[Proof], console: Console) -> None:
    """Print why those of ``proofs`` that failed did, and what to do."""
    for proof in proofs:
        if not proof.proven:
            console.print()
            for line in _explain_program(proof) if proof.program else _explain(proof):
                console.print(line, markup=False, highlight=False, soft_wrap=True)


def _explain(proof: Proof) -> list[str]:
    breaks = " or ".join(proof.breaks)
    if proof.raised:
        return [
            f"{proof.bug} raised, which proves nothing: {proof.raised}",
            "  let it be wrong without raising, or leave that scenario out with --scenarios",
        ]
    if proof.anyway:
        rule, scenario = proof.anyway[0]
        return [
            f"{proof.bug} is not caught: {proof.wrong}",
            f"  the right machines violate {rule} in {shorten(scenario)} as well; mend the rule or the scenario first",
        ]
    scenarios = f"{proof.tried} scenario{'' if proof.tried == 1 else 's'}"
    if not proof.also:
        return [
            f"{proof.bug} is not caught: {proof.wrong}",
            f"  no rule notices it in {scenarios}; write one that puts {breaks} to the test where it is wrong",
        ]
    by_rule = {catch.rule: catch for catch in reversed(proof.also)}
    others = [by_rule[rule] for rule in sorted(by_rule)]
    return [
        f"{proof.bug} is not caught by {breaks}, but by others: {proof.wrong}",
        *(f"  {catch.rule} in {shorten(catch.scenario)}" for catch in others),
        f"  write a scenario that puts {breaks} to the test where it is wrong, or declare what it breaks",
    ]


def _explain_program(proof: Proof) -> list[str]:
    if proof.raised:
        return [
            f"{proof.bug} proves nothing: {proof.raised}",
            "  let the program be wrong without a crash, and everything be there that its facts need",
        ]
    if proof.anyway:
        return [
            f"{proof.bug} is not caught: {proof.wrong}",
            f"  the right programs break {_rules(proof.anyway)} as well; `fdl-harness facts` says why",
        ]
    missed = " and ".join(proof.missed)
    noticed = f"{_rules(proof.caught)} alone" if proof.caught else "no fact"
    return [
        f"{proof.bug} is not caught by {missed}, which it should break: {proof.wrong}",
        f"  it is noticed by {noticed}; have the facts look where it is wrong, or declare just what it breaks",
    ]


def _rules(catches: Sequence[Catch]) -> str:
    return " and ".join(catch.rule for catch in catches)


def summary(proofs: Sequence[Proof]) -> str:
    """Return how many bugs were caught, in a line."""
    caught = sum(proof.proven for proof in proofs)
    raised = sum(bool(proof.raised) for proof in proofs)
    rules = {catch.rule for proof in proofs if proof.proven for catch in proof.caught}
    by = f" by {len(rules)} rule{'' if len(rules) == 1 else 's'}" if rules else ""
    parts = [f"{caught} caught{by}"]
    parts += [f"{len(proofs) - caught - raised} not caught"] if len(proofs) > caught + raised else []
    parts += [f"{raised} raised"] if raised else []
    return f"{len(proofs)} planted bug{'' if len(proofs) == 1 else 's'}: {', '.join(parts)}"


def proofs_as_text(proofs: Sequence[Proof]) -> str:
    """Return ``proofs`` as JSON text, ending in a newline. `docs/prove.md` describes it."""
    return json.dumps({"bugs": [_proof(proof) for proof in proofs]}, indent=1) + "\n"


def _proof(proof: Proof) -> dict[str, Any]:
    return {
        "bug": proof.bug,
        "wrong": proof.wrong,
        "breaks": list(proof.breaks),
        "proven": proof.proven,
        "caught": [_catch(catch) for catch in proof.caught],
        "also": [_catch(catch) for catch in proof.also],
        "anyway": [_catch(catch) for catch in proof.anyway],
        "tried": proof.tried,
        "raised": proof.raised or None,
        "program": proof.program or None,
        "missed": list(proof.missed),
    }


def _catch(catch: Catch) -> dict[str, str]:
    return {"rule": catch.rule, "scenario": shorten(catch.scenario)}


def proofs_from_text(text: str) -> list[Proof]:
    """Return the proofs that `proofs_as_text` wrote.

    :raises Mistake: if it did not.
    """
    try:
        return [_proof_of(each) for each in json.loads(text)["bugs"]]
    except (ValueError, KeyError, TypeError):
        raise Mistake("no proofs", "what `fdl-harness prove --json FILE` wrote") from None


def _proof_of(bug: dict[str, Any]) -> Proof:
    return Proof(
        bug=str(bug["bug"]),
        wrong=str(bug["wrong"]),
        breaks=tuple(bug["breaks"]),
        caught=_catches(bug["caught"]),
        also=_catches(bug["also"]),
        anyway=_catches(bug["anyway"]),
        tried=int(bug["tried"]),
        raised=bug["raised"] or "",
        program=bug["program"] or "",
        missed=tuple(bug["missed"]),
    )


def _catches(catches: Sequence[dict[str, str]]) -> tuple[Catch, ...]:
    return tuple(Catch(catch["rule"], catch["scenario"]) for catch in catches)
