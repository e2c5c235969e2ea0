"""What the commands of ``fdl-harness outage`` share: the record's file, and what has to be said of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.common import WRONG

if TYPE_CHECKING:
    from harness.outage.reading import Options
    from harness.outage.record import Record

__all__ = ["with_record", "with_record_as_it_is"]


def _read_zone(_context: click.Context, _parameter: click.Parameter, text: str | None) -> tzinfo | None:
    if text is None:
        return None
    from harness.problems import Mistake
    from harness.scenario_file.values import zone

    try:
        return zone(text)
    except Mistake as mistake:
        raise click.BadParameter(f"{mistake}.") from None


def _read_columns(_context: click.Context, _parameter: click.Parameter, text: str | None) -> dict[str, str]:
    from harness.outage.columns import parse_columns
    from harness.problems import Mistake

    try:
        return {} if text is None else parse_columns(text)
    except Mistake as mistake:
        raise click.BadParameter(f"{mistake}.") from None


_PARAMETERS = (
    click.argument("file", type=click.Path(path_type=Path)),
    click.option("--zone", callback=_read_zone, help="The zone of times without one: Asia/Shanghai, or UTC+08:00."),
    click.option(
        "--columns",
        callback=_read_columns,
        metavar="KEY=NAME,...",
        help="What the file calls its columns: time=When,source=Host,event=What,detail=Info; skip=NAME leaves one out.",
    ),
    click.option(
        "--dates", type=click.Choice(["day-first", "month-first"]), help="How a date such as 03/04/2026 is meant."
    ),
    click.option("--node", metavar="NAME", help="Whose list of failures it is, if it does not say."),
    click.option("--lenient", is_flag=True, help="Leave out what cannot be read, and list it."),
)
_REDACT = click.option("--redact", is_flag=True, help="Replace names and addresses.")


def with_record(command: Callable[..., None]) -> Callable[..., None]:
    """Give ``command`` a FILE, the options to read it, and ``--redact``. Its first argument is the `Record`.

    What cannot be read is told on standard error: all of it before the command ends with 2, or with ``--lenient`` what
    was left out. With ``--redact`` an ``installation`` among the command's own arguments is redacted, too.
    """
    return _reading(command, _REDACT)


def with_record_as_it_is(command: Callable[..., None]) -> Callable[..., None]:
    """Do what `with_record` does, without ``--redact``."""
    return _reading(command)


def _reading(command: Callable[..., None], *more: Callable[[Any], Any]) -> Callable[..., None]:
    @wraps(command)
    def with_file(
        file: Path,
        zone: tzinfo | None,
        columns: dict[str, str],
        dates: str | None,
        node: str | None,
        lenient: bool,
        redact: bool = False,
        **rest: Any,
    ) -> None:
        from harness.outage.reading import Options
        from harness.outage.redaction import Redaction
        from harness.outage.times import Order

        order = None if dates is None else Order(dates)
        record = _read(file, Options(zone=zone, columns=columns, dates=order, node=node, lenient=lenient))
        if redact:
            installation = rest.get("installation")
            redaction = Redaction.of(record, installation)
            record = redaction.record(record)
            if installation is not None:
                rest["installation"] = redaction.installation(installation)
        _tell_left_out(record)
        command(record, **rest)

    for parameter in reversed((*_PARAMETERS, *more)):
        with_file = parameter(with_file)
    return with_file


def _read(file: Path, options: Options) -> Record:
    from harness.outage.errors import RecordError
    from harness.outage.reading import read_record

    try:
        return read_record(file, options)
    except RecordError as error:
        remedy = "; --lenient leaves out what cannot be read" if error.lenient else ""
        click.echo(str(error), err=True)
        click.echo(f"{_problems(len(error.problems))} in {file}; nothing was done{remedy}", err=True)
        raise SystemExit(WRONG) from None


def _tell_left_out(record: Record) -> None:
    from harness.outage.errors import told

    if record.left_out:
        click.echo(f"{_problems(len(record.left_out))} in {record.file}, and so this is left out:", err=True)
        for line in told(record.left_out):
            click.echo(f"  {line}", err=True)


def _problems(count: int) -> str:
    return f"{count} problem{'' if count == 1 else 's'}"
