"""The reference authorization server: protocol, readings and the pure state machine of the documented rules.

It imports nothing of the project: as in life, the server owns the protocol, and the nodes and the harness
depend on it. Everything is simulated; nothing here can authorize a real product.
"""
