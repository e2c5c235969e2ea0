"""``fdl-machine``: the machine tool. It describes the machine that it runs on, for the issuer (R038 to R053)."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import click

from reference_server.files import write_whole
from reference_server.machine.identity import MachineError, this_machine
from reference_server.machine.platforms import package_for, packages
from reference_server.machine.rif import RIF_NAME, new_rif

__all__ = ["main"]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Where to make the folder require. Left out: here.",
)
@click.option("--packages", "list_packages", is_flag=True, help="List the document's packages of the tool, and end.")
def main(folder: Path, list_packages: bool) -> None:
    """Export what identifies this machine to require/MachineInfo.rif, in a simulated format.

    Run it as root on the machine that is to be the authorization server, and send the file to the issuer with the
    application. Each export is a new one, even of the same machine.
    """
    if list_packages:
        click.echo("\n".join(packages()))
        return
    if os.geteuid() != 0:
        raise click.ClickException("not run as root, which can read the hardware's data; run it as root, or with sudo")
    try:
        machine = this_machine()
    except MachineError as error:
        raise click.ClickException(str(error)) from None
    file = folder / "require" / RIF_NAME
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, new_rif(machine, datetime.now(UTC)).to_bytes())
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}; name a folder that can be written") from None
    package = package_for(platform.system(), machine.architecture)
    click.echo(f"wrote {file}")
    click.echo(f"machine {machine.fingerprint[:16]}, {machine.architecture}")
    if machine.looks_virtual:
        click.echo(f"warning: this looks like a virtual machine ({machine.product_name}), whose identity may change")
    known = "a kind of machine for which the document names no package"
    click.echo(f"the document's package for it: {package}" if package else known)
