"""Random worlds by the thousand: each seed is a scenario, run, judged, healed, and judged for liveness.

`worlds` makes the scenario of a seed, of what `kinds` of fault there are; `healing` repairs it and says what must be so
then; `trial` is one seed from beginning to end; `sweeping` is many of them, on `workers` here or on other machines, and
`ledger` the file from which a sweep goes on that was stopped. `small` has small worlds, all there are.
"""
