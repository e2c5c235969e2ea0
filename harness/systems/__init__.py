"""Systems under test: a user's own server or node in place of the reference one, judged by the same rules.

`choose` finds what a name, a class or a factory stands for, and `Chosen` is what a run is given of it. A server can be
a Python object with ``respond``, an ASGI or a WSGI application, or an `Authority` of one's own. Whatever code under
test asks its machine about the time, the clocks of its own simulated host answer (`ambient`).
"""

from harness.systems.ambient import Ambient, Host
from harness.systems.choosing import Choice, Chosen, UnderTest, check, choose
from harness.systems.loading import Kind

__all__ = ["Ambient", "Choice", "Chosen", "Host", "Kind", "UnderTest", "check", "choose"]
