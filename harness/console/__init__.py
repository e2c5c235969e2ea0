"""The live console: one local page that shows a world at an instant, travels in time, and breaks faults in.

A world is a value and its run is deterministic, so nothing is simulated step by step: the whole run is computed at
once, and the world at an instant is a question to its history. Playing, stepping and going back move a cursor. Only an
action changes anything: it is one more event of the scenario, whose run is then computed again; what lies before the
event stays as it was.

`session` holds worlds, branches and the cursor, and is pure; `played` is what came of a world, `views` what is shown of
it, `saving` its file. `shared` is what all browsers of one console share, `app` its routes, `serving` its port.
"""
