"""The closed form of a run: what becomes of every node, computed for all of them at once instead of simulated.

This is a third statement of the timing law, beside the machines and the rule book. It imports neither, so where it
applies, simulation and prediction have to agree.

**What makes it possible.** With exact clocks and one constant latency, all that a node ever does follows from the
instants of its registers. It polls every 2 h after the last one, answered or not, until it lapses; and what becomes of
a request depends on nothing but the instant at which it is *sent* (`harness.prediction.timelines`). So a run is a
row of stretches in each of which all requests fare alike, and for each stretch it is enough to know the first poll in
it and the first after it. Whole arrays of nodes walk through the stretches together (`harness.prediction.walk`); a
run of missed polls stays one stretch, however many they are.

**The law, for one node.** Let *c* be the instant at which its last heard grant was sent. The polls are those at
*c* + 2 h, *c* + 4 h, ... If one of them is not heard, the node is interrupted from the instant at which it knows that:
a round trip after the sending if the port refused, the timeout if nothing came back. The next one that is heard makes
it registered again. The poll at exactly *c* + 24 h is the last one; if it is not heard either, the node then lapses.
The server frees its slot one microsecond beyond 24 h after the last request *it* granted has arrived, which is a later
one than that at *c* where answers were lost. Only where more nodes want a slot than there are do nodes depend on one
another (`harness.prediction.contest`).

What this cannot express is a precondition that fails (`why_not`), and has to be simulated.
"""

from __future__ import annotations

from harness.prediction.conditions import Unpredictable
from harness.prediction.predicting import Prediction, predict, why_not
from harness.prediction.recording import Slots, Transitions

__all__ = ["Prediction", "Slots", "Transitions", "Unpredictable", "predict", "why_not"]
