"""Reports: what came of the runs, for people (`table`, `matrix`), for programs (`as_json`, `junit`, `trace_file`),
to be looked at (`timeline`).
"""
