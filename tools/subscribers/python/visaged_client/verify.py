"""Is a message from the daemon, new and recent?

The fourth frame, 97 bytes, big-endian: version 1 (1), key id (8), boot id of the machine (16), Unix
time in microseconds (8), Ed25519 signature (64). Signed are b"visaged message 1", the first 33 bytes
of that frame, and topic, header and payload, each behind its length (u32).

What is refused: whatever was forged or changed; a message that came before, or after a younger one of
its topic; a message older than the window. On the daemon's machine age is measured on the monotonic
clock, and a message of an earlier boot of the machine is refused. Elsewhere age is measured by Unix
time: both clocks must be right to within the window.

Limits: what is held back for less than the window passes. A receiver that has just started knows no
past: it takes replays as young as the window. Who has the private key can say anything.
"""

import hashlib
import struct
import time
import uuid
from typing import Callable, Dict, Optional, Sequence, Tuple

from .messages import BadMessage, Message, monotonic_us, parse

PREFIX = b"visaged message 1"
STAMP = struct.Struct(">B8s16sq")
MACHINE = "/proc/sys/kernel/random/boot_id"


class Refused(ValueError):
    """A message not to be believed; `reason` is one word for counting."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


class Verifier:
    """Checks messages of one daemon; one for each connection."""

    def __init__(
        self,
        public_key: str,
        window_ms: int = 500,
        same_host: bool = True,
        now_us: Optional[Callable[[], int]] = None,
        machine: Optional[bytes] = None,
    ):
        """`public_key` is what `visaged keygen --show` prints. `now_us` gives the monotonic clock on
        the daemon's machine, else Unix time."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        key = bytes.fromhex(public_key)
        self._key = Ed25519PublicKey.from_public_bytes(key)
        self._key_id = hashlib.sha256(key).digest()[:8]
        self._window_us = window_ms * 1000
        self._same_host = same_host
        self._now_us = now_us or (monotonic_us if same_host else unix_us)
        self._machine = machine if machine is not None or not same_host else this_machine()
        self._newest: Dict[str, int] = {}
        self._boot: Tuple[str, int] = ("", -1)  # of the daemon, and when it spoke last

    def check(self, frames: Sequence[bytes]) -> Message:
        """The message, which may be believed; Refused or BadMessage otherwise."""
        if len(frames) != 4:
            raise Refused("unsigned")
        if len(frames[3]) != STAMP.size + 64:
            raise Refused("bad-signature")
        stamp, signature = frames[3][: STAMP.size], frames[3][STAMP.size :]
        version, key_id, machine, signed_us = STAMP.unpack(stamp)
        if version != 1 or key_id != self._key_id:
            raise Refused("unknown-key")
        text = b"".join(struct.pack(">I", len(frame)) + frame for frame in frames[:3])
        self._verify(signature, PREFIX + stamp + text)
        # Nothing above was believed; from here on all of it was said by the holder of the key.
        message = parse(frames)
        if self._same_host and machine != self._machine:
            raise Refused("other-boot")
        said_us = message.header.published_us if self._same_host else signed_us
        self._refuse_old(said_us)
        self._refuse_seen(message, said_us)
        return Message(message.topic, message.header, message.payload, signed=True)

    def _verify(self, signature: bytes, text: bytes) -> None:
        from cryptography.exceptions import InvalidSignature

        try:
            self._key.verify(signature, text)
        except InvalidSignature:
            raise Refused("bad-signature") from None

    def _refuse_old(self, said_us: int) -> None:
        age_us = self._now_us() - said_us
        if age_us > self._window_us:
            raise Refused("delayed")
        # On one clock nothing comes before it was said; other clocks may differ by the window.
        if age_us < (0 if self._same_host else -self._window_us):
            raise Refused("from-the-future")

    def _refuse_seen(self, message: Message, said_us: int) -> None:
        boot_id, newest_us = self._boot
        header, topic = message.header, message.topic
        if header.boot_id != boot_id:
            # A daemon that has started again is younger than the one before it.
            if said_us <= newest_us:
                raise Refused("replayed")
            self._newest.clear()
        if header.seq <= self._newest.get(topic, -1):
            raise Refused("replayed" if header.seq == self._newest[topic] else "reordered")
        self._newest[topic] = header.seq
        self._boot = (header.boot_id, max(newest_us, said_us))


def unix_us() -> int:
    return time.time_ns() // 1000


def this_machine() -> bytes:
    """The id of this boot of this machine."""
    try:
        with open(MACHINE, encoding="ascii") as file:
            return uuid.UUID(file.read().strip()).bytes
    except OSError as error:
        raise BadMessage(f"{MACHINE}: {error}") from error
