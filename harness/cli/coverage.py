"""``fdl-harness coverage``: which rules are judged and reached, and on which sides of their boundaries."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.common import FAILED, PATHS, claim, load_all, no_verdict, write
from reference_server.readings import READINGS

__all__ = ["coverage"]


@click.command()
@PATHS
@click.option(
    "--reading",
    type=click.Choice(list(READINGS)),
    default="literal",
    show_default=True,
    help="The reading of the document under which every scenario runs.",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the matrix as JSON.")
@click.option("--html", "html_file", type=click.Path(path_type=Path), help="Write the matrix as a page for browsers.")
@click.option(
    "--against", "record", type=click.Path(path_type=Path), help="Compare with the cells that this file records."
)
@click.option("--update", is_flag=True, help="Record the cells in the file that --against names.")
@click.option(
    "--facts",
    "facts_file",
    type=click.Path(path_type=Path),
    help="Count the facts, too, that were checked against the real programs: what `fdl-harness facts --json` wrote.",
)
@click.option(
    "--proofs",
    "proof_files",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Count the planted bugs, of machines and programs, that this file of `fdl-harness prove --json` says were "
    "caught, and prove none; can be repeated.",
)
@click.option("--no-prove", is_flag=True, help="Leave out which rules catch planted bugs, which takes longest.")
@click.option(
    "--bugs",
    "module",
    metavar="PACKAGE.MODULE",
    help="The module that declares the planted bugs, looked up from the working folder.  [default: tests.planted_bugs]",
)
@click.option("-j", "workers", type=click.IntRange(1), default=1, help="How many processes run scenarios.")
def coverage(
    paths: tuple[Path, ...],
    reading: str,
    json_file: Path | None,
    html_file: Path | None,
    record: Path | None,
    update: bool,
    facts_file: Path | None,
    proof_files: tuple[Path, ...],
    no_prove: bool,
    module: str | None,
    workers: int,
) -> None:
    """Show what scenarios cover of each rule, the whole library if no PATH is given.

    A row for each rule, with how often it was put to the test, how many occasions lay below its boundary, at it and
    above it, and how many planted bugs it catches. "missing" is a gap; a dash stands where there is nothing to cover,
    as for a rule without a boundary.

    Exit codes: 0 nothing was lost; 1 a recorded cell was lost, or a rule is violated; 2 a file or the call is wrong,
    and nothing was run.
    """
    from rich.console import Console

    from harness.coverage import Census, catches, gained, lost
    from harness.problems import Mistake
    from harness.proof import OWN_BUGS, Bug, Proof, load_bugs, prove_all
    from harness.report.coverage import (
        change_lines,
        coverage_as_text,
        coverage_summary,
        coverage_table,
        gap_lines,
        read_facts,
        read_proofs,
        read_record,
        record_as_text,
    )
    from harness.report.coverage_page import coverage_page
    from harness.report.table import progress
    from harness.runner import InternalError, jobs_for, run_jobs

    if update and record is None:
        raise click.UsageError("--update needs the file of --against")
    if proof_files and (no_prove or module):
        raise click.UsageError("--proofs: bugs that were proven are not proven again; leave --bugs and --no-prove out")
    recorded: dict[str, list[str]] = {}
    try:
        if record is not None and not (update and not record.exists()):
            recorded = read_record(record, reading)
    except Mistake as error:
        raise click.BadParameter(f"{error}.", param_hint="'--against'") from None
    try:
        facts = None if facts_file is None else read_facts(facts_file)
    except Mistake as error:
        raise click.BadParameter(f"{error}.", param_hint="'--facts'") from None
    try:
        proofs: list[Proof] = [proof for file in proof_files for proof in read_proofs(file)]
    except Mistake as error:
        raise click.BadParameter(f"{error}.", param_hint="'--proofs'") from None
    bugs: list[Bug] = []
    module, here = module or OWN_BUGS, Path.cwd()
    try:
        bugs = [] if no_prove or proof_files else list(load_bugs(module, here).values())
    except Mistake as error:
        raise click.UsageError(
            f"{error}. The project's own bugs are in its clone, in tests/planted_bugs: call coverage there, name a "
            "module of your own with --bugs, give what was proven with --proofs, or leave them out with --no-prove."
        ) from None
    scenarios = load_all(paths)
    for file in (json_file, html_file, record if update else None):
        claim(file)
    jobs = [job for scenario in scenarios for job in jobs_for(scenario, [READINGS[reading]])]
    console = Console()
    census = Census(reading)
    try:
        with progress(len(jobs) + len(bugs), console) as advance:
            for result in run_jobs(jobs, workers):
                census.add(result.judgements)
                advance(1)
            for proof in prove_all(bugs, scenarios, workers, module=module, folder=here):
                proofs.append(proof)
                advance(1)
    except InternalError as error:
        raise no_verdict(error) from None
    of_programs = [proof for proof in proofs if proof.program]
    of_machines = [proof for proof in proofs if not proof.program]
    matrix = census.matrix(
        facts=facts,
        caught=catches(of_machines) if of_machines else None,
        noticed=catches(of_programs) if of_programs else None,
    )
    console.print(coverage_table(matrix))
    console.print()
    lines = [*gap_lines(matrix), *coverage_summary(matrix)]
    if json_file is not None:
        write(json_file, [coverage_as_text(matrix)])
    if html_file is not None:
        write(html_file, [coverage_page(matrix)])
    failed = bool(matrix.violated)
    if matrix.violated:
        lines.append(f"violated: {', '.join(matrix.violated)}; `fdl-harness run` says where")
    if record is not None and update:
        write(record, [record_as_text(matrix, recorded)])
        lines.append(f"recorded in {record}")
    elif record is not None:
        losses = lost(matrix, recorded)
        lines += change_lines(losses, gained(matrix, recorded), record)
        failed = failed or bool(losses)
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if failed:
        raise SystemExit(FAILED)
