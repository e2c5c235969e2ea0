"""``fdl-harness prove``: whether rules, scenarios and facts notice programs that are wrong on purpose."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.common import FAILED, claim, load_all, no_verdict, profile_named, read_seeds, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeVar

    from harness.planting import ProgramBug
    from harness.proof import Bug, Proof
    from harness.sweep.trial import HealedWorlds

    Kind = TypeVar("Kind", Bug, ProgramBug)

__all__ = ["prove"]


@click.command()
@click.argument("names", metavar="[BUG]...", nargs=-1)
@click.option(
    "--bugs",
    "module",
    metavar="PACKAGE.MODULE",
    help="The module that declares the bugs, looked up from the working folder.  [default: tests.planted_bugs, with "
    "--programs tests.planted_bugs.programs]",
)
@click.option(
    "--scenarios",
    "folders",
    metavar="PATH",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A scenario file or a folder of them, in place of the library; can be repeated.",
)
@click.option(
    "--seeds",
    metavar="FIRST..END",
    callback=read_seeds,
    help="Try the bugs in the random worlds of these seeds, in place of scenarios.",
)
@click.option("--profile", default="default", show_default=True, metavar="NAME", help="What these worlds are like.")
@click.option(
    "--programs", is_flag=True, help="Prove the bugs of the real programs, by the facts, in place of those of machines."
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write what became of each bug as JSON.")
@click.option("-j", "workers", type=click.IntRange(1), default=1, help="How many bugs are tried at a time.")
def prove(
    names: tuple[str, ...],
    module: str | None,
    folders: tuple[Path, ...],
    seeds: range | None,
    profile: str,
    programs: bool,
    json_file: Path | None,
    workers: int,
) -> None:
    """Run planted bugs against the scenarios, and show which rule catches which of them.

    A planted bug is a server or node that breaks one rule on purpose. Each is tried in one scenario after the other,
    until a rule that it breaks is violated. With --programs it is one of the commands, run in place of the right one,
    and each fact that it breaks has to notice. Without BUG all of the module are tried.

    Exit codes: 0 each bug was caught by what it breaks; 1 one was not, or raised; 2 the call, a file or a declaration
    is wrong, and nothing was run.
    """
    from rich.console import Console

    from harness.report.proofs import proofs_as_text, show_failures, show_proofs, summary
    from harness.runner import InternalError

    if seeds is not None and folders:
        raise click.UsageError("--seeds and --scenarios: bugs are tried in random worlds or in scenarios; give one.")
    if programs and (seeds is not None or folders):
        raise click.UsageError("--programs: the real programs run in no scenario; leave --seeds and --scenarios out.")
    chosen: Sequence[Bug] | Sequence[ProgramBug]
    if programs:
        chosen, found = _of_programs(names, module, workers)
    else:
        chosen, found = _of_machines(names, module, workers, folders, seeds, profile)
    claim(json_file)
    console = Console()
    try:
        proofs = show_proofs(found, chosen, console)
    except InternalError as error:
        raise no_verdict(error) from None
    show_failures(proofs, console)
    if json_file is not None:
        write(json_file, [proofs_as_text(proofs)])
    console.print()
    console.print(summary(proofs), highlight=False, soft_wrap=True)
    if not all(proof.proven for proof in proofs):
        raise SystemExit(FAILED)


def _of_machines(
    names: Sequence[str],
    module: str | None,
    workers: int,
    folders: Sequence[Path],
    seeds: range | None,
    profile: str,
) -> tuple[list[Bug], Iterator[Proof]]:
    """Return the chosen bugs of machines, and what becomes of them."""
    from harness.proof import OWN_BUGS, load_bugs, prove_all

    chosen = _chosen(load_bugs, names, module, OWN_BUGS)
    scenarios = load_all(folders) if seeds is None else _worlds(seeds, profile)
    found = prove_all(chosen, scenarios, workers, module=module or OWN_BUGS, folder=Path.cwd(), seeds=seeds)
    return chosen, found


def _of_programs(names: Sequence[str], module: str | None, workers: int) -> tuple[list[ProgramBug], Iterator[Proof]]:
    """Return the chosen bugs of programs, and what becomes of them."""
    from harness.program_proof import OWN_PROGRAMS, load_program_bugs, prove_programs

    chosen = _chosen(load_program_bugs, names, module, OWN_PROGRAMS)
    return chosen, prove_programs(chosen, workers, module=module or OWN_PROGRAMS, folder=Path.cwd())


def _chosen(
    load: Callable[[str, Path], dict[str, Kind]], names: Sequence[str], module: str | None, own: str
) -> list[Kind]:
    """Return the bugs of ``names``, or all, of a module or else of the project's ``own`` one."""
    from harness.problems import Mistake, one_of

    here = Path.cwd()
    try:
        bugs = load(module or own, here)
    except Mistake as error:
        if module is None and not (here / "tests" / "planted_bugs").is_dir():
            raise click.UsageError(
                f"{error}. The project's own bugs are in its clone, in tests/planted_bugs: call prove there, or name a "
                "module of your own with --bugs."
            ) from None
        raise click.BadParameter(f"{error}.", param_hint="'--bugs'") from None
    if unknown := [name for name in names if name not in bugs]:
        expected = one_of(bugs, unknown[0])
        raise click.BadParameter(f"no bug is named {unknown[0]!r}; expected {expected}.", param_hint="BUG")
    return [bug for bug in bugs.values() if not names or bug.name in names]


def _worlds(seeds: range, profile: str) -> HealedWorlds:
    """Return the random worlds of ``seeds``, with their repairs."""
    from harness.sweep.trial import HealedWorlds, Question

    return HealedWorlds(Question(profile=profile_named(profile).name), seeds)
