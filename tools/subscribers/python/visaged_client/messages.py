"""From frames to typed messages, and how old they are."""

import json
import time
from dataclasses import MISSING, dataclass, fields
from typing import Any, Sequence, Union, get_args, get_origin, get_type_hints

from . import payloads
from .payloads import EventSummary, Expression, Health, Hello, Identity, Interval
from .payloads import RadarSummary, Status

SCHEMA = 1  # the `v1` of all topics
STREAMS = {
    "identity": Identity,
    "expression": Expression,
    "interval": Interval,
    "radar": RadarSummary,
    "event": EventSummary,
    "status": Status,
    "health": Health,
    "hello": Hello,
}
# Recorded and published time of one message are this close if they are of one clock.
SAME_CLOCK_US = 10_000_000


class BadMessage(ValueError):
    """Not a message of schema v1."""


@dataclass(frozen=True)
class Header:
    schema: int
    boot_id: str
    seq: int
    recorded_us: int
    published_us: int
    stale_after_ms: int
    valid: bool  # the payload is an answer


@dataclass(frozen=True)
class Message:
    topic: str
    header: Header
    payload: Any  # one of STREAMS, or a plain dict for a stream that is not known yet
    lost: int = 0  # messages of this topic that were missed just before this one
    signed: bool = False  # its signature was checked

    def age_ms(self, now_us: int) -> float:
        """Age at `now_us` of this host's monotonic clock, which is that of the daemon.

        Of a live sensor it counts from the instant the payload speaks of. A recording has a time
        line of its own: there it counts from publishing.
        """
        header = self.header
        delay = header.published_us - header.recorded_us
        since = header.recorded_us if 0 <= delay < SAME_CLOCK_US else header.published_us
        return (now_us - since) / 1000

    def is_valid(self, now_us: int = -1) -> bool:
        """May still be acted upon: an answer, fresh, and of a live run."""
        now_us = monotonic_us() if now_us < 0 else now_us
        fresh = self.age_ms(now_us) <= self.header.stale_after_ms
        return fresh and self.header.valid and self.header.boot_id != "replay"


def monotonic_us() -> int:
    """Now on CLOCK_MONOTONIC, microseconds: the clock of `published_us` on the same machine."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def parse(frames: Sequence[bytes]) -> Message:
    """The message of three frames, or of four, whose signature is not looked at here."""
    if len(frames) not in (3, 4):
        raise BadMessage(f"{len(frames)} frames instead of 3 or 4")
    try:
        topic = frames[0].decode()
        header = typed(Header, decode(frames[1]))
        payload = decode(frames[2])
    except (ValueError, RecursionError, ImportError) as error:
        raise BadMessage(str(error)) from error
    version, stream = (topic.split("/") + [""])[:2]
    if version != f"v{SCHEMA}" or header.schema != SCHEMA:
        raise BadMessage(f"{topic} is not of schema v{SCHEMA}")
    kind = STREAMS.get(stream)
    return Message(topic, header, typed(kind, payload) if kind else payload)


def decode(frame: bytes) -> Any:
    """JSON maps start with `{`, MessagePack maps with a byte above 0x7f."""
    if frame[:1] == b"{":
        return json.loads(frame)
    import msgpack  # only needed where the daemon is configured for it

    return msgpack.unpackb(frame)


def typed(kind: Any, value: Any) -> Any:
    """`value` of JSON as the dataclass `kind`; BadMessage names what does not fit."""
    origin = get_origin(kind)
    if origin is Union:  # Optional: absent is None
        return typed(get_args(kind)[0], value)
    if origin is list:
        return [typed(get_args(kind)[0], item) for item in expect(list, value, kind)]
    if origin is dict:
        return expect(dict, value, kind)
    if kind is float:
        return float(expect((int, float), value, kind))
    if kind in (int, str, bool):
        return expect(kind, value, kind)
    expect(dict, value, kind)
    hints = get_type_hints(kind, vars(payloads))
    found = {}
    for field in fields(kind):
        if field.name in value:
            found[field.name] = typed(hints[field.name], value[field.name])
        elif field.default is MISSING:
            raise BadMessage(f"{kind.__name__} without `{field.name}`")
    return kind(**found)


def expect(types: Any, value: Any, kind: Any) -> Any:
    # In Python a bool is an int.
    if not isinstance(value, types) or (isinstance(value, bool) and types is not bool):
        raise BadMessage(f"{value!r} is no {kind}")
    return value
