"""Mutation testing of the machines and the rule book: how strong the tests are. See docs/strength.md.

`run` makes every mutant that mutmut knows to make of the modules that pyproject.toml names, and runs on each the tests
that reach it, the quick ones of pyproject.toml's selection alone; `table` prints what came of it. mutmut keeps its
results in the folder `mutants`, so a run goes on where the last one was stopped, and gives those that survived another
try; `make clean` forgets them.

By itself mutmut leaves out every function with a decorator, which here are all the rules. So `_adapt` has it put its
switch between the decorator and the function. It also has it leave alone texts of several words, which no test compares
letter by letter.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import click
import libcst as cst
from mutmut import __main__ as mutmut
from mutmut.mutation import file_mutation
from mutmut.stats import status_by_exit_code

#: What the mutants of these functions change is done as the module is imported, before mutmut chooses a mutant: such
#: a mutant gets an interpreter of its own.
AT_IMPORT = ("harness.rulebook.codes.x__code__", "harness.rulebook.judging.x_judges__")
#: A mutant that makes the tests hang is found as well.
FOUND = ("killed", "timeout", "segfault")


def _adapt() -> None:
    """Have mutmut mutate decorated functions, too, and leave the words of messages alone."""
    skips = file_mutation.MutationVisitor._skip_node_and_children
    arrange = file_mutation.function_trampoline_arrangement

    def skip(visitor: Any, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.FunctionDef) and node.decorators:
            return node.name.value in file_mutation.NEVER_MUTATE_FUNCTION_NAMES
        if isinstance(node, cst.BaseString) and " " in cst.Module([]).code_for_node(node):
            return True
        return skips(visitor, node)

    def arrangement(function: cst.FunctionDef, mutants: Any, class_name: str | None) -> Any:
        plain = function.with_changes(decorators=())
        before, (switch, *versions), after, names = arrange(plain, mutants, class_name)
        # What a cache has kept is no mutant's doing.
        kept = [each for each in function.decorators if not each.decorator.deep_equals(cst.Name("cache"))]
        switch = switch.with_changes(decorators=[*kept, *switch.decorators])
        return before, [switch, *versions], after, names

    file_mutation.MutationVisitor._skip_node_and_children = skip
    file_mutation.function_trampoline_arrangement = arrangement


def _mutants() -> dict[str, str]:
    """Return what became of each mutant, by name."""
    mutants, _ = mutmut.collect_source_file_mutation_data(mutant_names=())
    return {name: status_by_exit_code[code] for _, name, code in mutants}


def _run_alone(name: str) -> None:
    """Run the rule book's own tests on one mutant, in a new interpreter, and note the result as mutmut would."""
    tests = [*mutmut.config().pytest_add_cli_args, "tests/rulebook"]
    environment = {**os.environ, "MUTANT_UNDER_TEST": name, "PYTHONPATH": "."}
    ran = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "pytest", "-x", "-q", *tests], cwd="mutants", env=environment, stdout=subprocess.DEVNULL
    )
    ((data, _, _),), _ = mutmut.collect_source_file_mutation_data(mutant_names=(name,))
    data.exit_code_by_key[name] = ran.returncode
    data.save()


@click.group()
def main() -> None:
    """Show how strong the tests of the machines and the rule book are."""


@main.command()
@click.option("--sample", metavar="N", type=int, help="Run only N mutants, chosen by the seed.")
@click.option("--seed", type=int, default=1, show_default=True, help="What chooses the sample.")
@click.option("--jobs", "-j", type=int, default=os.cpu_count(), show_default=True)
@click.argument("patterns", nargs=-1)
def run(patterns: tuple[str, ...], sample: int | None, seed: int, jobs: int) -> None:
    """Run the tests on every mutant that was not found yet, or on those whose name fits a pattern (*.checks.*)."""
    _adapt()
    mutmut.copy_src_dir()
    mutmut.copy_also_copy_files()
    mutmut.setup_source_paths()
    mutmut.create_mutants(jobs)
    chosen, _ = mutmut.collect_source_file_mutation_data(mutant_names=patterns)
    names = sorted(name for _, name, _ in chosen)
    if sample is not None:
        # A larger sample contains the smaller ones.
        random.Random(seed).shuffle(names)  # noqa: S311
        names = names[:sample]
    before = _mutants()
    names = [name for name in names if before[name] not in FOUND]
    if names:
        mutmut._run(names, jobs)
    for name in names:
        if name.startswith(AT_IMPORT) and _mutants()[name] not in FOUND:
            _run_alone(name)


@main.command()
def table() -> None:
    """Print the score of each module, and the mutants that survived."""
    counts: dict[str, Counter[str]] = {}
    survivors = []
    for name, status in sorted(_mutants().items()):
        module = Path(name.rpartition(".")[0].replace(".", "/") + ".py")
        counts.setdefault(str(module), Counter())["found" if status in FOUND else status] += 1
        if status not in (*FOUND, "not checked"):
            survivors.append(f"{name}: {status}")
    print("| module | mutants | run | found | survived |\n|---|---|---|---|---|")
    for module, count in counts.items():
        ran = count.total() - count["not checked"]
        print(f"| `{module}` | {count.total()} | {ran} | {count['found']} | {ran - count['found']} |")
    print(*survivors, sep="\n")


if __name__ == "__main__":
    main()
