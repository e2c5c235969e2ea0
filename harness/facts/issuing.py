"""Facts about what the issuer sends, and when: the archive, a machine used again, a server moved (R004 to R129)."""

from __future__ import annotations

import json
import zipfile
from concurrent.futures import ThreadPoolExecutor

from harness.facts.checking import checks
from harness.facts.mails import mail
from harness.facts.programs import Done
from harness.facts.workshop import ENGLISH, LOOPBACK, Desk, Place, Workshop

__all__: list[str] = []


def _refused(done: Done, *rules: str) -> None:
    refused = any(f"refused  {rule}  " in done.printed for rule in rules)
    done.must(done.code == 1 and refused, f"exit code 1, refused for {' or '.join(rules)}")


@checks("R004")
def the_archive(workshop: Workshop) -> None:
    """For a right application `fdl-issuer issue` writes FanruanLicenseServer.zip with bin/server, which everybody may
    run, in one folder, and a note that all of it is simulated; for a wrong one it writes nothing.
    """
    desk, rif = workshop.desk(), workshop.rif(workshop.machine())
    wrong = desk.issue(mail(rif, sender="someone@example.com"))
    wrong.must(wrong.code == 1 and not desk.archive.exists(), "exit code 1, and no archive")
    done = desk.issue(mail(rif)).must_end_with(0)
    done.must(desk.archive.is_file(), "an archive FanruanLicenseServer.zip")
    with zipfile.ZipFile(desk.archive) as packed:
        modes = {each.filename: each.external_attr >> 16 & 0o777 for each in packed.infolist()}
        done.must({name.split("/")[0] for name in modes} == {"FanruanLicenseServer"}, "a folder FanruanLicenseServer")
        server = "FanruanLicenseServer/bin/server"
        done.must(modes.get(server) == 0o755, "an executable bin/server in it")
        texts = b"".join(packed.read(name) for name in modes if name.endswith(".txt"))
    done.must(b"can never authorize a real product" in texts, "a note that it is simulated")


@checks("R074")
def verified_first(workshop: Workshop) -> None:
    """A refused application leaves neither archive nor a bundle in the register; an accepted one leaves both; if the
    archive cannot be written, no bundle is recorded either.
    """
    desk, rif = workshop.desk(), workshop.rif(workshop.machine())
    done = desk.issue(mail(rif, subject="no company"))
    done.must(done.code == 1 and not desk.archive.exists() and not desk.listed(), "no archive and no bundle")
    done = desk.issue(mail(rif), "-o", "nowhere/archive.zip")
    done.must(done.code == 2 and not desk.listed(), "exit code 2, and no bundle")
    done = desk.issue(mail(rif)).must_end_with(0)
    done.must(desk.archive.exists() and len(desk.listed()) == 1, "an archive and one bundle")


@checks("R015")
def a_machine_used_again_is_described_again(workshop: Workshop) -> None:
    """A MachineInfo.rif that a bundle was made for is refused the second time; so is another one that is older than the
    machine's last bundle. A fresh one is not.
    """
    desk, root = workshop.desk(), workshop.machine()
    older, used = workshop.rif(root), workshop.rif(root)
    desk.issue(mail(used)).must_end_with(0)
    _refused(desk.issue(mail(used)), "R015")
    _refused(desk.issue(mail(older)), "R015")
    desk.issue(mail(workshop.rif(root))).must_end_with(0)


@checks("R016")
def a_machine_used_again_is_registered_again(workshop: Workshop) -> None:
    """The bundle that the issuer makes for a fresh MachineInfo.rif starts, and the one that it replaces does not any
    more (exit code 11). One that was destroyed does not start either (exit code 8).
    """
    desk, root = workshop.desk(), workshop.machine()
    places = []
    for _ in range(2):
        desk.issue(mail(workshop.rif(root), fields=LOOPBACK)).must_end_with(0)
        places.append(Place(root, desk.unpacked()))
        with workshop.running(places[-1], *ENGLISH):
            pass
    workshop.refused(places[0], 11, *ENGLISH)
    workshop.run(places[1].launcher, "-destroy", machine=root).must_end_with(0)
    workshop.refused(places[1], 8, *ENGLISH)


@checks("R039")
def the_file_is_of_the_machine_it_was_made_on(workshop: Workshop) -> None:
    """The bundle for a MachineInfo.rif starts on the machine that the tool ran on, and on no other (exit code 6)."""
    place, _ = workshop.shared()
    workshop.refused(place, 6, *ENGLISH, machine=workshop.machine("two"))


# Moving a server.


def _moving(workshop: Workshop) -> tuple[Desk, bytes, bytes, bytes]:
    """A server that is being moved: the issuer's desk, what describes the new machine before and after the destruction
    of the old server, and the receipt of it.
    """
    desk, old, new = workshop.desk(), workshop.machine("old"), workshop.machine("new")
    desk.issue(mail(workshop.rif(old))).must_end_with(0)
    place = Place(old, desk.unpacked())
    early = workshop.rif(new)
    done = workshop.run(place.launcher, "-destroy", machine=old).must_end_with(0)
    done.must(place.receipt.is_file(), "a file bin/receipt.fr")
    return desk, early, workshop.rif(new), place.receipt.read_bytes()


@checks("R127")
def two_files_go_to_the_issuer(workshop: Workshop) -> None:
    """The application for another machine is refused without the receipt of the old server, with one of another server,
    and without MachineInfo.rif; with both files nothing stops it.
    """
    desk, _, rif, receipt = workshop.once(_moving)
    _, _, _, foreign = workshop.once(_moved_elsewhere)
    _refused(desk.check(mail(rif)), "R127")
    _refused(desk.check(mail(rif, receipt=foreign)), "R126", "R127")
    _refused(desk.check(mail(None, receipt=receipt)), "R003", "R073", "R127")
    desk.check(mail(rif, receipt=receipt)).must_end_with(0)


def _moved_elsewhere(workshop: Workshop) -> tuple[Desk, bytes, bytes, bytes]:
    return _moving(workshop)


@checks("R126")
def the_proof_of_destruction(workshop: Workshop) -> None:
    """`-destroy` writes bin/receipt.fr, which names the licence, the bundle and the machine of its licence file. The
    issuer takes it for proof, and no longer if the licence, the bundle or the machine in it is changed. Asked again,
    the program writes the same file again.
    """
    place = workshop.licensed()
    done = workshop.run(place.launcher, "-destroy", *ENGLISH, machine=place.machine).must_end_with(0)
    done.must(place.receipt.is_file(), "a file bin/receipt.fr")
    first = place.receipt.read_bytes()
    licence = json.loads((place.bundle / "licence.lic").read_bytes())["body"]
    proof = json.loads(first)["body"]
    for key in ("licence", "bundle", "machine"):
        done.must(proof.get(key) == licence[key], f"a receipt for {key} {licence[key]}")
    place.receipt.unlink()
    again = workshop.run(place.launcher, "-destroy", *ENGLISH, machine=place.machine).must_end_with(0)
    again.must(place.receipt.is_file() and place.receipt.read_bytes() == first, "the same receipt again")
    desk, _, rif, receipt = workshop.once(_moving)
    desk.check(mail(rif, receipt=receipt)).must_end_with(0)
    moved = json.loads(receipt)["body"]
    for value in (moved["licence"], moved["bundle"], moved["machine"]):
        changed = receipt.replace(f'"{value}"'.encode(), f'"{value[:-1]}{"1" if value[-1] == "0" else "0"}"'.encode())
        _refused(desk.check(mail(rif, receipt=changed)), "R126")


@checks("R128")
def the_new_machine_is_described_after_the_destruction(workshop: Workshop) -> None:
    """With a right receipt, a MachineInfo.rif from before the destruction is refused, and one from after it is not."""
    desk, early, rif, receipt = workshop.once(_moving)
    _refused(desk.check(mail(early, receipt=receipt)), "R128")
    desk.check(mail(rif, receipt=receipt)).must_end_with(0)


@checks("R129")
def one_live_bundle(workshop: Workshop) -> None:
    """Two issuers get an application for another machine each, at once, with the receipt of the one server: one of them
    issues, the other refuses; the register has the old bundle as destroyed and one live one.
    """
    desk, _, rif, receipt = _moving(workshop)
    other, third = Desk(workshop, workshop.folder()), workshop.machine("third")
    register = ("--register", str(desk.folder / "issuer.sqlite3"))
    (other.folder / "contracts.toml").write_bytes((desk.folder / "contracts.toml").read_bytes())
    files = [(desk, mail(rif, receipt=receipt)), (other, mail(workshop.rif(third), receipt=receipt))]
    with ThreadPoolExecutor(2) as issuers:
        done = list(issuers.map(lambda each: each[0].issue(each[1], *register), files))
    done[0].must(sorted(each.code for each in done) == [0, 1], "one bundle issued and one refused")
    states = [line.split()[1] for line in desk.listed()]
    done[0].must(sorted(states) == ["destroyed", "live"], f"one bundle destroyed and one live, not {states}")
