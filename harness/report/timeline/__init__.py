"""The timeline: what happened, lane by lane, as a page (`page`), a picture (`picture`) or a trace for Perfetto
(`chrome_trace`). All three show a `story.Story`, and do not know where it comes from.
"""
