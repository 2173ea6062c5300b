#!/usr/bin/env python3
"""Writes board.bin and prints what case.toml must say: python3 tests/golden/event-serial/make.py

The bytes are those of a board with a GenX320 that was greeted with NONCE: hello, configuration, and
blocks of EVT2.1 words, an empty one among them. Framing and checksums come from the plain Python of
firmware-proto/vectors/make.py, the words from the layout in Prophesee's description of EVT2.1 (the
half with the mask first); neither shares anything with the Rust code.
"""

import hashlib
import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "firmware-proto" / "vectors"))
import make as proto  # noqa: E402

CAMERA = dict(proto.EVENT, format=2, width=320, height=320, sensor_model=101)
WORDS_PER_BLOCK = 60


def word(kind, high, low):
    return struct.pack("<II", low, kind << 28 | high)


def main():
    random = proto.noise(7)
    words, events, time, high = [], [], 123_456_000, None
    for _ in range(600):
        time += next(random) % 40
        if time >> 6 != high:
            high = time >> 6
            words.append(word(8, high, 0))
        polarity = next(random) % 2
        column, row = 32 * (next(random) % 10), next(random) % 320
        mask = (next(random) % 65536) << 16 | next(random) % 65536
        words.append(word(polarity, (time & 63) << 22 | column << 11 | row, mask))
        events += [(time, column + lane, row, polarity) for lane in range(32) if mask >> lane & 1]

    stream = proto.wire(proto.frame("hello", dict(proto.HELLO, capabilities=0x42), time_us=1_000))
    stream += proto.wire(proto.frame("config_event", CAMERA, sequence=1, time_us=1_100))
    blocks = [words[at:at + WORDS_PER_BLOCK] for at in range(0, len(words), WORDS_PER_BLOCK)]
    blocks.insert(3, [])
    for sequence, block in enumerate(blocks):
        values = {"config_id": 8, "format": 2, "width": 320, "height": 320,
                  "data": b"".join(block)}
        stream += proto.wire(proto.frame("event_block", values, stream=2, sequence=sequence,
                                         time_us=2_000_000 + 1_000 * sequence))
    (HERE / "board.bin").write_bytes(stream)

    digest = hashlib.sha256()
    for event in events:
        digest.update(struct.pack("<qHHB", *event))
    print(f"nonce = \"{proto.NONCE.hex()}\"\nevents = {len(events)}")
    print(f"on = {sum(event[3] for event in events)}")
    print(f"first-us = {events[0][0]}\nlast-us = {events[-1][0]}")
    print(f"sha256 = \"{digest.hexdigest()}\"")


if __name__ == "__main__":
    main()
