"""Facts about destroying a server (R121 to R125); the proof of it is the issuer's, in `harness.facts.issuing`."""

from __future__ import annotations

import re
import shutil

from harness.facts.checking import checks
from harness.facts.workshop import ENGLISH, Place, Workshop

__all__: list[str] = []


@checks("R121")
def an_administrator_destroys(workshop: Workshop) -> None:
    """Asked by somebody else than root, -destroy ends with exit code 3 and writes no receipt, and the server still
    starts.
    """
    place = workshop.licensed()
    done = workshop.run(place.launcher, "-destroy", *ENGLISH, machine=place.machine, admin=False)
    done.must_end_with(3, "administrator")
    done.must(not place.receipt.exists(), "no receipt")
    with workshop.running(place, *ENGLISH):
        pass


@checks("R122")
def the_command_of_the_program(workshop: Workshop) -> None:
    """Typed in bin, the program's own command with -destroy destroys; a part of the option or a value for it is a wrong
    call (exit code 2) and destroys nothing.
    """
    place = workshop.licensed()
    inside = place.bundle / "bin"
    for wrong in ("-destro", "--destroy", "-destroy=1"):
        done = workshop.refused(place, 2, command=("fdl-server", wrong), inside=inside, port=0)
        done.must(not place.receipt.exists(), "no receipt")
    done = workshop.run("fdl-server", "-destroy", machine=place.machine, inside=inside).must_end_with(0)
    done.must(place.receipt.is_file(), "a file bin/receipt.fr")


@checks("R123")
def the_command_on_linux(workshop: Workshop) -> None:
    """In bin, ./server -destroy destroys; typed from another folder it writes the receipt into bin all the same."""
    place = workshop.licensed()
    done = workshop.run("./server", "-destroy", machine=place.machine, inside=place.bundle / "bin").must_end_with(0)
    done.must(place.receipt.is_file(), "a file bin/receipt.fr")
    place.receipt.unlink()
    folder = workshop.folder()
    done = workshop.run(place.launcher, "-destroy", machine=place.machine, inside=folder).must_end_with(0)
    done.must(place.receipt.is_file() and not list(folder.iterdir()), "a file bin/receipt.fr, and none elsewhere")


@checks("R124")
def the_language_of_destroying(workshop: Workshop) -> None:
    """-destroy -language en destroys in English, in either order of the two; -destroy alone speaks Chinese."""
    place = workshop.licensed()
    for options, chinese in ((("-destroy", *ENGLISH), False), ((*ENGLISH, "-destroy"), False), (("-destroy",), True)):
        done = workshop.run(place.launcher, *options, machine=place.machine).must_end_with(0, "receipt.fr")
        found = bool(re.search("[\u4e00-\u9fff]", done.printed))
        done.must(found == chinese, f"{'Chinese' if chinese else 'English'}")


@checks("R125")
def revoked_for_good(workshop: Workshop) -> None:
    """-destroy ends the running server with exit code 0. After it neither the bundle starts on the machine nor a copy
    that was made before (exit code 8).
    """
    place = workshop.licensed()
    copy = workshop.folder() / "copy"
    shutil.copytree(place.bundle, copy)
    with workshop.running(place, *ENGLISH) as server:
        done = workshop.run(place.launcher, "-destroy", *ENGLISH, machine=place.machine).must_end_with(0)
        done.must(server.end(None) == 0, "that the running server ends with 0")
    for bundle in (place.bundle, copy):
        workshop.refused(Place(place.machine, bundle), 8, *ENGLISH)
