#!/usr/bin/env python3
"""Writes camera.bin and prints the digest for case.toml: python3 tests/golden/openmv/make.py

The bytes are those of a camera that answers a host in lock-step: synchronisation, capabilities,
channels, size, then two frames of EVT2.0 words in fragments of 512 bytes, each asked for by a poll
and a read. Packets and checksums are plain Python from docs/protocol.md of openmv/openmv (sections
2, 4 and 6) and share nothing with the Rust code.
"""

import hashlib
import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent
ACK, ACK_REQ, FRAGMENT, EVENT = 1, 8, 16, 32
FRAME_WORDS = 1024


def crc(data, width, polynomial):
    top, mask = 1 << (width - 1), (1 << width) - 1
    value = mask
    for byte in data:
        value ^= byte << (width - 8)
        for _ in range(8):
            value = ((value << 1) ^ (polynomial if value & top else 0)) & mask
    return value


def packet(sequence, channel, flags, opcode, payload=b""):
    header = struct.pack("<HBBBBH", 0xD5AA, sequence & 255, channel, flags, opcode, len(payload))
    out = header + struct.pack("<H", crc(header, 16, 0xF94F))
    if payload:
        out += payload + struct.pack("<I", crc(payload, 32, 0xFA567D89))
    return out


def words_and_events():
    """Two frames of words, and the events in them."""
    words, events, time, state = [], [], 5_000_000, 1
    while len(words) < 2 * FRAME_WORDS:
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        if len(words) % 8 == 0:
            time += state % 500
            words.append(0x80000000 | time >> 6)
            continue
        x, y, on = state >> 4 & 255, state >> 12 & 255, state >> 20 & 1
        words.append(on << 28 | (time & 63) << 22 | x << 11 | y)
        events.append((time, x, y, on))
    return words, events


def main():
    words, events = words_and_events()
    channels = b"".join(struct.pack("<BB14s", number, 1, name)
                        for number, name in enumerate((b"usb", b"stdin", b"stdout", b"stream", b"raw_events")))
    sequence = 0
    out = b"boot noise \xaa\xd5 and more" + packet(0, 0, ACK, 0x00)

    def answer(opcode, payload=b"", channel=0, flags=ACK_REQ):
        nonlocal out, sequence
        out += packet(sequence, channel, flags, opcode, payload)
        sequence += 1

    answer(0x01, struct.pack("<IH10x", 15, 4082))
    answer(0x02, flags=ACK)
    answer(0x20, channels)
    answer(0x25, struct.pack("<I", FRAME_WORDS * 4), channel=4)
    for frame in range(2):
        answer(0x21, struct.pack("<I", 1 << 4))
        out += packet(sequence, 3, EVENT, 0x29)  # a picture is ready: nobody's business
        data = struct.pack(f"<{FRAME_WORDS}I", *words[frame * FRAME_WORDS:(frame + 1) * FRAME_WORDS])
        for at in range(0, len(data), 512):
            last = at + 512 == len(data)
            answer(0x26, data[at:at + 512], channel=4, flags=ACK_REQ | (0 if last else FRAGMENT))
    (HERE / "camera.bin").write_bytes(out)
    packed = b"".join(struct.pack("<qHHB", *event) for event in events)
    print(f"events = {len(events)}\non = {sum(event[3] for event in events)}")
    print(f"first-us = {events[0][0]}\nlast-us = {events[-1][0]}")
    print(f"sha256 = \"{hashlib.sha256(packed).hexdigest()}\"")


if __name__ == "__main__":
    main()
