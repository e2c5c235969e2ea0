"""Where the scenario library is: in the clone, or inside the installed package."""

from __future__ import annotations

from pathlib import Path

__all__ = ["find_scenarios", "library_path"]


def library_path() -> Path:
    """Return the folder of the scenario library."""
    package = Path(__file__).resolve().parent
    packaged = package / "scenarios"
    return packaged if packaged.is_dir() else package.parent / "scenarios"


def find_scenarios(path: Path) -> list[Path]:
    """Return the scenario files at ``path``: itself if it is a file, else all below it, in order of their names."""
    return [path] if not path.is_dir() else [file for file in sorted(path.rglob("*.toml")) if not file.is_dir()]
