"""A queue of the kernel, in which the first packet of a connection waits until it is let through.

A rule of the firewall hands packets to the queue (NFQUEUE), which belongs to the network namespace in which it is made,
and whoever has bound it gives each its verdict. The packets stay in the kernel meanwhile.
"""

from __future__ import annotations

import select
import socket
from typing import TypeAlias

from netfilterqueue import NetfilterQueue, Packet

__all__ = ["QUEUE", "Queue", "Sender"]

#: The number of the queue within its namespace.
QUEUE = 0
#: As much of a packet as tells where it comes from: the longest header of IP, and the ports.
_HEAD_BYTES = 64
#: Who has sent a packet: an address and a port.
Sender: TypeAlias = tuple[str, int]


class Queue:
    """The queue of the network namespace in which this is made."""

    def __init__(self) -> None:
        self._packets: dict[Sender, Packet] = {}
        self._awaited: Sender | None = None
        self._queue = NetfilterQueue()
        self._queue.bind(QUEUE, self._arrived, range=_HEAD_BYTES)
        self._readable = select.poll()
        self._readable.register(self._queue.get_fd(), select.POLLIN)

    def _arrived(self, packet: Packet) -> None:
        head = packet.get_payload()
        ports = (head[0] & 0x0F) * 4
        sender = socket.inet_ntoa(head[12:16]), int.from_bytes(head[ports : ports + 2])
        if sender == self._awaited and sender not in self._packets:
            self._packets[sender] = packet
        else:
            packet.drop()  # Whoever gets no answer sends the first packet again.

    def has(self, sender: Sender, patience_seconds: float) -> bool:
        """Wait until a packet of ``sender`` is in the queue, and tell whether it is."""
        self._awaited = sender
        while sender not in self._packets and self._readable.poll(patience_seconds * 1000):
            self._queue.run(block=False)
        return sender in self._packets

    def let_through(self, sender: Sender) -> None:
        """Let the packet of ``sender`` go on its way."""
        self._packets.pop(sender).accept()

    def close(self) -> None:
        """Drop what is still in the queue."""
        self._queue.unbind()
        self._packets.clear()
        # Its socket is closed with the last reference to it.
        del self._queue
