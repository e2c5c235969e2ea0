"""Machine tools that are wrong on purpose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.planting import ProgramBugs, change, wrap

BUGS = ProgramBugs("fdl-machine")


def _packages(**changed: str) -> None:
    """Change packages by system, or by kind of processor on Linux."""
    from reference_server.machine.platforms import PACKAGES

    table = {key: changed.get(key[1] or key[0], package) for key, package in PACKAGES.items()}
    change("reference_server.machine.platforms.PACKAGES", table)


@BUGS.breaking("R043", "R044", "R045", "R048", "R049")
def packages_as_printed() -> None:
    """Has the packages for AMD64 and ARM64 swapped, as the document's table has them."""
    _packages(AMD64="Linux_arm64.zip", ARM64="Linux_amd64.zip")


@BUGS.breaking("R044", "R046")
def one_package_for_arm() -> None:
    """Names the package for ARM64 on 32-bit ARM, too."""
    _packages(ARM32="Linux_arm64.zip")


@BUGS.breaking("R043", "R047")
def one_package_for_intel() -> None:
    """Names the package for AMD64 on 32-bit machines, too."""
    _packages(i386="Linux_amd64.zip")


@BUGS.breaking("R038")
def another_package_for_windows() -> None:
    """Calls the package for Windows by another name."""
    _packages(Windows="Win.zip")


@BUGS.breaking("R053")
def another_package_for_macos() -> None:
    """Calls the package for macOS by another name."""
    _packages(Darwin="macOS.zip")


@BUGS.breaking("R024")
def a_package_for_every_processor() -> None:
    """Takes every processor that it does not know for ARM."""

    class Known(dict[str, str]):
        def get(self, name: str, default: Any = None) -> Any:
            return super().get(name, "ARM32")

    wrap("reference_server.machine.platforms._PROCESSORS", Known)


@BUGS.breaking("R040", "R052")
def anybody_exports() -> None:
    """Runs for anybody."""
    change("reference_server.machine.tool.os.geteuid", lambda: 0)


@BUGS.breaking("R041")
def a_log_beside_the_folder() -> None:
    """Leaves a log beside the folder require."""

    def written(write: Callable[[Path, bytes], None]) -> Callable[[Path, bytes], None]:
        def both(path: Path, data: bytes) -> None:
            write(path, data)
            write(path.parent.parent / "machine.log", b"done\n")

        return both

    wrap("reference_server.machine.tool.write_whole", written)


@BUGS.breaking("R042")
def the_last_export_is_kept() -> None:
    """Leaves a second file in the folder require."""

    def written(write: Callable[[Path, bytes], None]) -> Callable[[Path, bytes], None]:
        def both(path: Path, data: bytes) -> None:
            write(path, data)
            write(path.with_suffix(".bak"), data)

        return both

    wrap("reference_server.machine.tool.write_whole", written)


@BUGS.breaking("R050", "R051")
def everybody_may_write() -> None:
    """Lets everybody write what it makes."""

    def written(write: Callable[[Path, bytes], None]) -> Callable[[Path, bytes], None]:
        def opened(path: Path, data: bytes) -> None:
            write(path, data)
            path.chmod(0o777)

        return opened

    wrap("reference_server.machine.tool.write_whole", written)


@BUGS.breaking("R012")
def never_warns_of_virtual_machines() -> None:
    """Takes no machine for a virtual one."""
    change("reference_server.machine.identity._VIRTUAL", ())
