"""``fdl-issuer``: what the vendor's staff do with an application, in our own simulated format."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import click

from reference_server.bundle import ARCHIVE_NAME
from reference_server.files import write_whole
from reference_server.issuer.application import Application, examine, template
from reference_server.issuer.contracts import LAST_DAY, ContractsError, read_contracts
from reference_server.issuer.register import Register, RegisterError
from reference_server.sealed import SealError

__all__ = ["main"]

_FILE = click.Path(dir_okay=False, path_type=Path)
_register = click.option(
    "--register",
    "register_file",
    type=_FILE,
    default=Path("issuer.sqlite3"),
    show_default=True,
    help="The issuer's register.",
)
_contracts = click.option("--contracts", type=_FILE, required=True, help="The contracts file (TOML).")
_private = click.option("--private-only", is_flag=True, help="Refuse addresses outside RFC 1918, instead of a warning.")
_output = click.option(
    "-o",
    "--output",
    type=_FILE,
    default=Path(ARCHIVE_NAME),
    show_default=True,
    help="Where to write the archive.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Check applications for an authorization file and issue bundles, in a simulated format.

    Exit codes: 0 done, 1 the application is refused, 2 the call or a file is wrong.
    """


@contextmanager
def _told() -> Iterator[None]:
    """Tell what is wrong with a file in a line, and end with exit code 2."""
    try:
        yield
    except (ContractsError, RegisterError, SealError, OSError) as error:
        click.echo(f"fdl-issuer: {error}", err=True)
        raise SystemExit(2) from None


@main.command("template")
@click.option("-o", "--output", type=_FILE, default=Path("application.eml"), show_default=True, help="Where to write.")
@click.option("--rif", type=_FILE, help="The MachineInfo.rif to attach.")
@click.option("--receipt", type=_FILE, help="The receipt.fr to attach, where a server is replaced.")
def template_command(output: Path, rif: Path | None, receipt: Path | None) -> None:
    """Write an application to fill in, as an e-mail file."""
    with _told():
        if output.exists():
            raise RegisterError(f"{output} is there already; name another file with --output")
        attached = [None if file is None else file.read_bytes() for file in (rif, receipt)]
        write_whole(output, template(*attached))
    click.echo(f"wrote {output}")
    if rif is None:
        click.echo("attach MachineInfo.rif before sending it, or make it again with --rif")


def _read(application: Path, contracts: Path, *, private_only: bool) -> Application:
    return examine(application.read_bytes(), read_contracts(contracts), private_only=private_only)


def _tell(application: Path, found: Application) -> None:
    """Print what there is to say of an application, and end with 1 if something stops it."""
    for finding in found.findings:
        click.echo(str(finding))
    refusals = sum(finding.refusal for finding in found.findings)
    if refusals:
        click.echo(f"{application}: refused for {refusals} reason{'' if refusals == 1 else 's'}")
        raise SystemExit(1)


@main.command()
@click.argument("application", type=_FILE)
@_contracts
@_register
@_private
def check(application: Path, contracts: Path, register_file: Path, private_only: bool) -> None:
    """List every reason for refusing APPLICATION (an .eml file) at once, and warnings."""
    with _told():
        found = _read(application, contracts, private_only=private_only)
        if register_file.exists():
            Register(register_file).examine(found)
    _tell(application, found)
    click.echo(f"{application}: nothing stops it")


@main.command()
@click.argument("application", type=_FILE)
@_contracts
@_register
@_private
@_output
@click.option("--access-domain", multiple=True, help="An access domain to grant; may be given more than once.")
@click.option("--access-port", type=click.IntRange(1, 65535), multiple=True, help="An access port to grant.")
def issue(
    application: Path,
    contracts: Path,
    register_file: Path,
    private_only: bool,
    output: Path,
    access_domain: tuple[str, ...],
    access_port: tuple[int, ...],
) -> None:
    """Check APPLICATION, record its bundle, and write FanruanLicenseServer.zip."""
    with _told():
        found = _read(application, contracts, private_only=private_only)
        issued = Register(register_file).issue(
            found,
            datetime.now(UTC),
            lambda made: write_whole(output, made, mode=0o600),
            access_domains=access_domain,
            access_ports=access_port,
        )
    _tell(application, found)
    assert issued is not None, "what nothing stops is issued"
    click.echo(f"issued bundle {issued.bundle} of licence {issued.licence} for machine {issued.machine[:16]}")
    click.echo(f"wrote {output} (simulated: it authorizes no real product)")


@main.command("list")
@_register
def list_command(register_file: Path) -> None:
    """List the bundles of the register."""
    with _told():
        if not register_file.exists():
            raise RegisterError(f"{register_file}: found no such file, expected the issuer's register")
        bundles = Register(register_file).bundles()
    for bundle in bundles:
        licence = bundle.licence
        until = "for good" if licence.expires is None else f"through {licence.expires}"
        state = f"{bundle.state}, suspended" if licence.suspended else bundle.state
        click.echo(
            f"{licence.bundle}  {state}  machine {licence.machine[:16]}  capacity {licence.capacity}  {until}  "
            f"file {licence.serial}  {licence.company}"
        )


def _changed(register_file: Path, output: Path, licence: str, what: str, **changes: bool | int | date) -> None:
    with _told():
        if not register_file.exists():
            raise RegisterError(f"{register_file}: found no such file, expected the issuer's register")
        register = Register(register_file)
        register.change(licence, lambda made: write_whole(output, made, mode=0o600), **changes)  # type: ignore[arg-type]
    click.echo(f"licence {licence} {what}: unpack {output} over the server's folder")


@main.command()
@click.argument("licence")
@_register
@_output
def suspend(licence: str, register_file: Path, output: Path) -> None:
    """Suspend LICENCE: its server answers 30002 from then on."""
    _changed(register_file, output, licence, "suspended", suspended=True)


@main.command()
@click.argument("licence")
@_register
@_output
def resume(licence: str, register_file: Path, output: Path) -> None:
    """Take back the suspension of LICENCE."""
    _changed(register_file, output, licence, "resumed", suspended=False)


@main.command()
@click.argument("licence")
@click.argument("until", type=click.DateTime(["%Y-%m-%d"]))
@_register
@_output
def extend(licence: str, until: datetime, register_file: Path, output: Path) -> None:
    """Let LICENCE run through the day UNTIL (YYYY-MM-DD)."""
    if until.date() > LAST_DAY:
        raise click.BadParameter(f"found {until:%Y-%m-%d}, expected a day up to {LAST_DAY}", param_hint="UNTIL")
    _changed(register_file, output, licence, f"extended through {until:%Y-%m-%d}", expires=until.date())


@main.command("change-capacity")
@click.argument("licence")
@click.argument("capacity", type=click.IntRange(1, 9_999_999))
@_register
@_output
def change_capacity(licence: str, capacity: int, register_file: Path, output: Path) -> None:
    """Let CAPACITY nodes be registered under LICENCE at once. Nodes above a lowered capacity keep their slots."""
    _changed(register_file, output, licence, f"changed to a capacity of {capacity}", capacity=capacity)
