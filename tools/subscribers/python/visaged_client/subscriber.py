"""A SUB socket that gives typed messages, counts what is missing and refuses what is not signed."""

from collections import Counter
from dataclasses import replace
from typing import Dict, Iterator, Optional, Sequence, Tuple

import zmq

from .messages import BadMessage, Message, monotonic_us, parse
from .verify import Refused, Verifier


class Gaps:
    """Counts messages that were published and never arrived, per topic."""

    def __init__(self) -> None:
        self._next: Dict[Tuple[str, str], int] = {}
        self.lost = 0

    def before(self, message: Message) -> int:
        """How many of its topic were missed just before this one; a restart begins anew."""
        key = (message.header.boot_id, message.topic)
        expected = self._next.get(key)
        self._next[key] = message.header.seq + 1
        lost = 0 if expected is None else max(0, message.header.seq - expected)
        self.lost += lost
        return lost


class Subscriber:
    """Messages of the daemon at `endpoint`, as an iterator.

    With a `verifier`, messages that are not signed by its key, or are old or seen, are refused and
    counted in `refused`. Without one, signatures are not looked at: use it inside one machine, where
    only the daemon can open the endpoint.
    """

    def __init__(
        self,
        endpoint: str = "tcp://127.0.0.1:5556",
        topics: Sequence[str] = ("v1/",),
        verifier: Optional[Verifier] = None,
        timeout_s: float = 10.0,
    ):
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.setsockopt(zmq.RCVHWM, 1000)
        self._socket.setsockopt(zmq.RCVTIMEO, int(timeout_s * 1000))
        self._socket.setsockopt(zmq.RECONNECT_IVL, 50)
        # Tells a dead link from a silent daemon; the daemon answers heartbeats.
        self._socket.setsockopt(zmq.HEARTBEAT_IVL, 500)
        self._socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 2000)
        for topic in topics:
            self._socket.setsockopt(zmq.SUBSCRIBE, topic.encode())
        self._socket.connect(endpoint)
        self._verifier = verifier
        self._gaps = Gaps()
        self.refused: Counter = Counter()

    @property
    def lost(self) -> int:
        """Messages that never arrived."""
        return self._gaps.lost

    def __iter__(self) -> Iterator[Message]:
        """Messages until nothing comes for `timeout_s`."""
        while True:
            message = self.receive()
            if message is None:
                return
            yield message

    def receive(self) -> Optional[Message]:
        """The next good message, or None if none comes for `timeout_s`."""
        limit_us = monotonic_us() + self._socket.getsockopt(zmq.RCVTIMEO) * 1000
        while monotonic_us() < limit_us:
            try:
                frames = self._socket.recv_multipart()
            except zmq.Again:
                return None
            try:
                message = self._verifier.check(frames) if self._verifier else parse(frames)
            except Refused as refused:
                self.refused[refused.reason] += 1
                continue
            except BadMessage:
                self.refused["bad-message"] += 1
                continue
            return replace(message, lost=self._gaps.before(message))
        return None

    def close(self) -> None:
        self._socket.close(linger=0)
        self._context.term()

    def __enter__(self) -> "Subscriber":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
