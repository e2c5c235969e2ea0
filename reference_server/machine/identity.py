"""What makes a machine the one that was licensed: hardware data that a Linux machine shows (R001, R002, R010, R012).

The data is read below a root folder, ``/`` unless the environment variable ``FDL_HARNESS_MACHINE`` names another one
that holds the same files. So several machines can be played on one: each has its identity there, and its own record of
what ran on it (`record_folder`).
"""

from __future__ import annotations

import hashlib
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import rfc8785

__all__ = ["Machine", "MachineError", "machine_root", "record_folder", "this_machine"]

_ROOT_VARIABLE = "FDL_HARNESS_MACHINE"
#: Words in the product names of virtual machines.
_VIRTUAL = ("virtual", "kvm", "vmware", "qemu", "bochs", "droplet", "openstack", "hvm domu")
_DMI = {"product_uuid": "product_uuid", "board_serial": "board_serial", "product_name": "product_name"}


class MachineError(Exception):
    """A machine whose identity cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The identity of a machine. ``None`` stands for what it does not show.

    ``architecture`` is the kernel's name for it (``x86_64``), ``network_cards`` are the addresses of the cards that
    belong to the hardware, in order, and not of bridges and the like, which come and go.
    """

    machine_id: str
    product_uuid: str | None
    product_name: str | None
    board_serial: str | None
    cpu: str | None
    architecture: str
    network_cards: tuple[str, ...]

    @property
    def looks_virtual(self) -> bool:
        """Whether the product's name is that of a virtual machine, which is a bad host for a server (Note 1)."""
        name = (self.product_name or "").casefold()
        return any(word in name for word in _VIRTUAL)

    @property
    def fingerprint(self) -> str:
        """A digest of the identity: it changes when any part of it does."""
        return hashlib.sha256(rfc8785.dumps(self.as_body())).hexdigest()

    def as_body(self) -> dict[str, Any]:
        """Return the identity as it stands in a file."""
        return {**asdict(self), "network_cards": list(self.network_cards)}


def machine_root() -> Path:
    """Return the folder below which this machine's files lie."""
    return Path(os.environ.get(_ROOT_VARIABLE) or "/")


def record_folder() -> Path:
    """Return the folder in which programs leave what concerns the whole machine, whatever folder they run from."""
    return machine_root() / "var/lib/fdl-harness"


def this_machine(root: Path | None = None) -> Machine:
    """Return the identity of this machine, or of the one whose files lie below ``root``.

    :raises MachineError: if there is nothing by which to tell it from another one.
    """
    base = machine_root() if root is None else root
    machine_id = _line(base / "etc/machine-id")
    if machine_id is None:
        raise MachineError(f"{base / 'etc/machine-id'}: found nothing to read, expected the id of the machine")
    dmi = {key: _line(base / "sys/class/dmi/id" / name) for key, name in _DMI.items()}
    return Machine(
        machine_id=machine_id,
        **dmi,
        cpu=_cpu(base / "proc/cpuinfo"),
        architecture=_line(base / "proc/sys/kernel/arch") or platform.machine(),
        network_cards=tuple(sorted(_network_cards(base / "sys/class/net"))),
    )


def _line(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip() or None
    except OSError:
        return None


def _cpu(path: Path) -> str | None:
    for line in (_line(path) or "").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Hardware", "Model"):
            return value.strip() or None
    return None


def _network_cards(folder: Path) -> list[str]:
    try:
        cards = [card for card in folder.iterdir() if (card / "device").exists()]
    except OSError:
        return []
    return [address for card in cards if (address := _line(card / "address")) is not None]
