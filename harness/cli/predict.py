"""``fdl-harness predict``: what an outage comes to, by the closed form."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.common import FAILED, load_all, no_verdict, read_instant
from reference_server.readings import READINGS, Reading

if TYPE_CHECKING:
    from harness.report.forecast import Forecast
    from harness.scenario import Scenario

__all__ = ["predict"]


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="SCENARIO...", type=click.Path(path_type=Path))
@click.option("--at", metavar="INSTANT", callback=read_instant, help='Count statuses then ("1d 3h"), not at the end.')
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def predict(paths: tuple[Path, ...], at: int | None, as_json: bool) -> None:
    """Tell what an outage comes to without simulating it, however many nodes there are.

    For each SCENARIO (a file, or a folder of them): how many nodes have which status, the lapses, the hours of lost
    access, and the most slots that are live at once. What the closed form cannot express is simulated: the output says
    so, and names the precondition that fails.
    """
    import json

    from harness.durations import format_duration
    from harness.expectations import own_reading
    from harness.report.forecast import forecast_as_json, forecast_lines

    scenarios = load_all(paths)
    for scenario in scenarios:
        if at is not None and at > scenario.duration_us:
            length = format_duration(scenario.duration_us)
            raise click.BadParameter(f"{scenario.file} lasts {length} only.", param_hint="'--at'")
    forecasts: list[Forecast] = []
    for scenario in scenarios:
        reading = READINGS[own_reading(scenario)]
        forecast = _forecast(scenario, reading, scenario.duration_us if at is None else at)
        forecasts.append(forecast)
        if not as_json:
            click.echo("\n".join(forecast_lines(forecast)))
    if as_json:
        click.echo(json.dumps({"forecasts": [forecast_as_json(each) for each in forecasts]}, indent=1))


def _forecast(scenario: Scenario, reading: Reading, at_us: int) -> Forecast:
    """Return what becomes of ``scenario``, predicted if that can be."""
    from harness.prediction import Unpredictable
    from harness.prediction import predict as closed_form
    from harness.report.forecast import predicted, simulated
    from harness.runner import InternalError, jobs_for, run_jobs

    try:
        return predicted(scenario, reading.name, closed_form(scenario, reading), at_us)
    except Unpredictable as found:
        because = str(found)
    try:
        (result,) = run_jobs(jobs_for(scenario, [reading]))
    except InternalError as error:
        raise no_verdict(error) from None
    if fatal := [trouble.what for trouble in result.troubles if trouble.fatal]:
        click.echo(f"{scenario.file}: there was nothing to simulate: {fatal[0]}", err=True)
        raise SystemExit(FAILED)
    return simulated(scenario, reading.name, result.trace, at_us, because)
