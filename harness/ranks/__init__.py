"""Ranks: nodes that do the same at the same edges are simulated together, in columns.

Most nodes of a large fleet only register, poll, and lapse in an outage. What becomes of their polls between two edges
is arithmetic, and it is the same arithmetic for all of them, so whole columns of nodes are taken from edge to edge at
once. `fit` says whether a scenario's nodes can stand in rank, `march` takes them through it and notes `legs`, and
`history` makes of those the same trace that the world writes. Everything else is the business of `harness.world`,
which has to give the same digest.
"""
