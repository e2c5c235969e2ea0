"""Which package of the machine tool belongs to which machine (R024, R038, R043 to R048, R053).

The document's table of Linux packages has two rows swapped (R045, R048, Q20): its own walk-through for AMD64 unpacks
``linux_amd64.zip``. This is the corrected table.
"""

from __future__ import annotations

__all__ = ["PACKAGES", "package_for", "packages"]

#: The package by system and kind of processor.
PACKAGES = {
    ("Linux", "AMD64"): "Linux_amd64.zip",
    ("Linux", "i386"): "Linux_i386.zip",
    ("Linux", "ARM32"): "Linux_arm32.zip",
    ("Linux", "ARM64"): "Linux_arm64.zip",
    ("Windows", ""): "Windows.zip",
    ("Darwin", ""): "Mac.zip",
}
_PROCESSORS = {
    "x86_64": "AMD64",
    "amd64": "AMD64",
    "i386": "i386",
    "i486": "i386",
    "i586": "i386",
    "i686": "i386",
    "aarch64": "ARM64",
    "arm64": "ARM64",
    "armv6l": "ARM32",
    "armv7l": "ARM32",
    "armv8l": "ARM32",
}


def package_for(system: str, architecture: str) -> str | None:
    """Return the package for a machine, ``None`` if the document names none.

    :param system: as Python names it: ``Linux``, ``Windows`` or ``Darwin``.
    :param architecture: as the kernel names it, ``x86_64`` for instance; 64-bit Intel and AMD machines are AMD64,
        32-bit ones i386, and the rarer RISC machines ARM (R043, R044).
    """
    processor = _PROCESSORS.get(architecture.lower(), "?") if system == "Linux" else ""
    return PACKAGES.get((system, processor))


def packages() -> list[str]:
    """Return the list of packages: a line for each system and kind of processor, with what their kernels call it."""
    lines = []
    for (system, processor), package in PACKAGES.items():
        names = ", ".join(name for name, kind in _PROCESSORS.items() if kind == processor)
        shown = "macOS" if system == "Darwin" else system
        lines.append(f"{shown:<7}  {processor:<5}  {package:<15}  {names}".rstrip())
    return lines
