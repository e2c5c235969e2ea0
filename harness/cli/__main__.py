"""``python -m harness.cli`` is ``fdl-harness``."""

from harness.cli import main

main(prog_name="fdl-harness")
