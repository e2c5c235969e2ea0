"""Facts about the machine tool: its packages, its file, and who may run it (R024, R038 to R053)."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

from harness.facts.checking import Fact, checks
from harness.facts.programs import Done
from harness.facts.workshop import Workshop

__all__: list[str] = []


def _packages(workshop: Workshop) -> Done:
    return workshop.run("fdl-machine", "--packages").must_end_with(0)


def _export(workshop: Workshop, architecture: str) -> Done:
    return workshop.run("fdl-machine", machine=workshop.machine(architecture=architecture)).must_end_with(0)


def _belongs(workshop: Workshop, package: str, *architectures: str) -> None:
    """The package is named on machines of these kernels' architectures."""
    for each in architectures:
        done = workshop.once(_export, each)
        # The document itself writes a package in capitals at one place and without at another.
        named = done.printed.lower().splitlines()[-1:]
        done.must(named and named[0].endswith(package.lower()), f"the package {package} on a machine with {each}")


def _listed(*words: str) -> Callable[[Fact], Fact]:
    """Let a fact also demand a row of the list of packages, in which ``words`` stand in this order."""

    def demand(fact: Fact) -> Fact:
        def both(workshop: Workshop) -> None:
            done = workshop.once(_packages)
            rows = [line.split() for line in done.printed.splitlines()]
            done.must(any([word for word in row if word in words] == list(words) for row in rows), f"a row {words}")
            fact(workshop)

        both.__doc__ = fact.__doc__
        return both

    return demand


@checks("R024")
def linux_runs_on_three_kinds_of_processors(workshop: Workshop) -> None:
    """On machines whose kernel says x86_64, i686, armv7l and aarch64 the tool names a package for Linux; on one that
    says riscv64 it says that there is none.
    """
    for architecture in ("x86_64", "i686", "armv7l", "aarch64"):
        done = workshop.once(_export, architecture)
        done.must("Linux_" in done.printed, f"a package for Linux on {architecture}")
    other = workshop.once(_export, "riscv64")
    other.must(".zip" not in other.printed, "no package on riscv64")


@checks("R038")
@_listed("Windows", "Windows.zip")
def the_package_for_windows(workshop: Workshop) -> None:
    """The tool's list of packages has Windows.zip for Windows."""


@checks("R053")
@_listed("macOS", "Mac.zip")
def the_package_for_macos(workshop: Workshop) -> None:
    """The tool's list of packages has Mac.zip for macOS."""


@checks("R043")
def how_many_bits_decide(workshop: Workshop) -> None:
    """On x86_64 the tool names the package for AMD64, on i386 and i686 the one for i386."""
    _belongs(workshop, "Linux_amd64.zip", "x86_64")
    _belongs(workshop, "Linux_i386.zip", "i386", "i686")


@checks("R044")
def the_hardware_decides_about_arm(workshop: Workshop) -> None:
    """On aarch64 the tool names the package for ARM64, on armv6l, armv7l and armv8l the one for ARM32."""
    _belongs(workshop, "Linux_arm64.zip", "aarch64")
    _belongs(workshop, "Linux_arm32.zip", "armv6l", "armv7l", "armv8l")


@checks("R045", "R049")
@_listed("Linux", "AMD64", "Linux_amd64.zip")
def the_package_for_amd64(workshop: Workshop) -> None:
    """AMD64 has Linux_amd64.zip, in the tool's list and on a machine, as in the document's own walk-through, and not
    the package that the document's table has for it.
    """
    _belongs(workshop, "linux_amd64.zip", "x86_64")


@checks("R046")
@_listed("Linux", "ARM32", "Linux_arm32.zip")
def the_package_for_arm32(workshop: Workshop) -> None:
    """ARM32 has Linux_arm32.zip, in the tool's list and on a machine."""
    _belongs(workshop, "Linux_arm32.zip", "armv7l")


@checks("R047")
@_listed("Linux", "i386", "Linux_i386.zip")
def the_package_for_i386(workshop: Workshop) -> None:
    """i386 has Linux_i386.zip, in the tool's list and on a machine."""
    _belongs(workshop, "Linux_i386.zip", "i686")


@checks("R048")
@_listed("Linux", "ARM64", "Linux_arm64.zip")
def the_package_for_arm64(workshop: Workshop) -> None:
    """ARM64 has Linux_arm64.zip, in the tool's list and on a machine, and not the package that the document's table has
    for it.
    """
    _belongs(workshop, "Linux_arm64.zip", "aarch64")


@checks("R040", "R052")
def an_administrator_runs_it(workshop: Workshop) -> None:
    """Run by somebody else than root, the tool ends with an exit code other than 0, says why, and makes no folder."""
    folder = workshop.folder()
    folder.chmod(0o777)
    done = workshop.run("fdl-machine", machine=workshop.machine(), inside=folder, admin=False)
    done.must(done.code != 0 and "root" in done.said, "another exit code than 0, and that it wants root")
    done.must(not list(folder.iterdir()), "that it makes nothing")


@checks("R041")
def a_folder_named_require(workshop: Workshop) -> None:
    """Run in an empty folder, the tool leaves the folder require there, and nothing else."""
    folder = workshop.folder()
    done = workshop.run("fdl-machine", machine=workshop.machine(), inside=folder).must_end_with(0)
    left = sorted(each.name for each in folder.iterdir())
    done.must(left == ["require"] and (folder / "require").is_dir(), "just a folder require")


@checks("R042")
def a_file_named_machine_info(workshop: Workshop) -> None:
    """The folder holds just MachineInfo.rif, which says that it is simulated. Two exports of one machine show the same
    machine and are not the same file; another machine is another one.
    """
    one, two = workshop.machine("one"), workshop.machine("two")
    folder = workshop.folder()
    done = workshop.run("fdl-machine", machine=one, inside=folder).must_end_with(0)
    left = sorted(each.name for each in (folder / "require").iterdir())
    done.must(left == ["MachineInfo.rif"], "just the file MachineInfo.rif")
    first = (folder / "require/MachineInfo.rif").read_bytes()
    again, other = workshop.rif(one), workshop.rif(two)
    done.must(b"can never authorize a real product" in first, "that the file says that it is simulated")
    done.must(_described(first) == _described(again), "the same machine in two exports of it")
    done.must(_nonce(first) != _nonce(again), "two exports that can be told from each other")
    done.must(_described(first) != _described(other), "another machine in the export of another one")


def _described(rif: bytes) -> object:
    return json.loads(rif)["body"]["machine"]


def _nonce(rif: bytes) -> object:
    return json.loads(rif)["body"]["nonce"]


@checks("R050", "R051")
def it_has_to_be_executable(workshop: Workshop) -> None:
    """A copy of the tool called machine does not run as ./machine until it is made executable, and then does. That its
    owner may run it is enough: neither the installed tool nor what it makes can be written by everybody.
    """
    folder = workshop.folder()
    installed = workshop.commands.find("fdl-machine")
    copy = folder / "machine"
    shutil.copyfile(installed, copy)
    copy.chmod(0o644)
    root = workshop.machine()
    workshop.run("sh", "-c", "./machine", machine=root, inside=folder).must_end_with(126)
    copy.chmod(0o744)
    done = workshop.run("sh", "-c", "./machine", machine=root, inside=folder).must_end_with(0)
    for made in (installed, folder / "require", folder / "require/MachineInfo.rif"):
        done.must(not _for_everybody(made), f"that not everybody may write {made.name}")


def _for_everybody(file: Path) -> bool:
    return bool(file.stat().st_mode & stat.S_IWOTH)
