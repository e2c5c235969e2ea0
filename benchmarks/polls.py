"""How many polls a second the server program answers over keep-alive TLS, and what a commit costs it.

Both on one core of a shared machine, in one run, so that their ratio means something:

    python benchmarks/polls.py [POLLS]
"""

from __future__ import annotations

import os
import ssl
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from reference_server.protocol import Poll, Register
from tests.programs import Server, licence, machine, post, request, unpacked


def main() -> None:
    """Poll, and print the rates."""
    polls = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    os.sched_setaffinity(0, {0})
    with tempfile.TemporaryDirectory() as folder:
        root = machine(Path(folder) / "m")
        bundle = unpacked(Path(folder) / "b", licence(root))
        with Server.started(bundle, root) as server, server.client() as client:
            assert post(client, request(Register, "a")).status_code == 200
            bodies = [request(Poll, "a", number) for number in range(2, polls + 2)]
            began = time.perf_counter()
            for body in bodies:
                assert post(client, body).status_code == 200
            polled = time.perf_counter() - began
            began = time.perf_counter()
            for _ in range(polls):
                assert client.get("/v1/status").status_code == 200
            looked = time.perf_counter() - began
    print(f"{polls} polls over one {ssl.OPENSSL_VERSION.split()[0]} connection, server and client on one core")
    print(f"poll, stored before it is answered: {polls / polled:7.0f} a second")
    print(f"status, which stores nothing:       {polls / looked:7.0f} a second")
    print(f"ratio: {polled / looked:.2f}")


if __name__ == "__main__":
    main()
