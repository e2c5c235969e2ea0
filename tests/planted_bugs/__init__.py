"""Servers and nodes that are wrong on purpose, so that the rule book can be seen to notice.

Each is a small override of the right one; its docstring says what it gets wrong, and its declaration which rule has to
notice. ``fdl-harness prove`` tries them all against the scenario library.
"""

from tests.planted_bugs import (
    administration,
    answers,
    checks,
    codes,
    deadlines,
    leases,
    lists,
    machines,
    outcomes,
    polls,
    slots,
    starts,
    validation,
)

BUGS = [
    *checks.BUGS,
    *codes.BUGS,
    *slots.BUGS,
    *leases.BUGS,
    *answers.BUGS,
    *starts.BUGS,
    *polls.BUGS,
    *validation.BUGS,
    *outcomes.BUGS,
    *deadlines.BUGS,
    *administration.BUGS,
    *lists.BUGS,
    *machines.BUGS,
]
