#!/usr/bin/env python3
"""Reads a recording of visaged with other people's MCAP reader and the page LAYOUT.md alone.

    python3 recording.py FILE.mcap          (pip install mcap)

Prints JSON: per sensor the radar frames or events in it, and the SHA-256 over all samples in the order
frame, rx, chirp, sample (int16), or over all events as i64 t, u16 x, u16 y, u8 p; little-endian. It
checks that every picture is a PNG whose checksums and size hold.
"""

import base64
import hashlib
import json
import struct
import sys
import zlib

from mcap.reader import make_reader


def evt3(words):
    """Events of EVT 3.0 words, as its maker documents them."""
    high = low = row = base = polarity = turns = 0
    last = None
    for (word,) in struct.iter_unpack("<H", words):
        kind, value = word >> 12, word & 0xFFF
        if kind == 0x8:
            if last is not None and last - value >= 2048:
                turns += 1
            last = high = value
        elif kind == 0x6:
            low = value
        elif kind == 0x0:
            row = value & 0x7FF
        elif kind == 0x2:
            yield (turns << 24 | high << 12 | low, value & 0x7FF, row, value >> 11)
        elif kind == 0x3:
            base, polarity = value & 0x7FF, value >> 11
        elif kind in (0x4, 0x5):
            lanes = 12 if kind == 0x4 else 8
            for lane in range(lanes):
                if value >> lane & 1:
                    yield (turns << 24 | high << 12 | low, base + lane, row, polarity)
            base += lanes
        else:
            sys.exit(f"unexpected word {word:#06x}")


def reading(data):
    """Tag and body of an input behind source and arrival; None for what is no radar or events."""
    tag = data[8]
    if tag > 1:
        return None
    at = 11
    at += 9 if data[at] else 1
    return tag, data[at:]


def events(body):
    (triggers,) = struct.unpack_from("<I", body, 1)
    at = 5 + 10 * triggers
    count, form = struct.unpack_from("<IB", body, at)
    if form == 0:
        (base,) = struct.unpack_from("<q", body, at + 5)
        found = [(base + t, x, y, p) for t, x, y, p in evt3(body[at + 13 :])]
    else:
        found = list(struct.iter_unpack("<qHHB", body[at + 5 :]))
    if len(found) != count:
        sys.exit(f"{count} events announced, {len(found)} found")
    return found


def check_png(png):
    if png[:8] != b"\x89PNG\r\n\x1a\n":
        sys.exit("a picture is no PNG")
    at, pixels, size = 8, b"", (0, 0)
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        chunk = png[at + 4 : at + 8 + length]
        if zlib.crc32(chunk) != struct.unpack_from(">I", png, at + 8 + length)[0]:
            sys.exit("a picture has a wrong checksum")
        if chunk[:4] == b"IHDR":
            size = struct.unpack_from(">II", chunk, 4)
        elif chunk[:4] == b"IDAT":
            pixels += chunk[4:]
        at += 12 + length
    if len(zlib.decompress(pixels)) != (size[0] + 1) * size[1]:
        sys.exit("a picture has another size than it says")


def main():
    found = {}
    pictures = 0
    with open(sys.argv[1], "rb") as file:
        for _, channel, message in make_reader(file, validate_crcs=True).iter_messages():
            if channel.topic.startswith("/visaged/preview/"):
                check_png(base64.b64decode(json.loads(message.data)["data"]))
                pictures += 1
            if not channel.topic.startswith("/visaged/input/"):
                continue
            what = reading(message.data)
            if what is None:
                continue
            name = channel.topic.rsplit("/", 1)[1]
            sensor = found.setdefault(name, {"count": 0, "sha256": hashlib.sha256()})
            if what[0] == 0:
                sensor["count"] += 1
                sensor["sha256"].update(what[1][30:])
            else:
                for event in events(what[1]):
                    sensor["count"] += 1
                    sensor["sha256"].update(struct.pack("<qHHB", *event))
    for sensor in found.values():
        sensor["sha256"] = sensor["sha256"].hexdigest()
    print(json.dumps({"sensors": found, "pictures": pictures}))


main()
