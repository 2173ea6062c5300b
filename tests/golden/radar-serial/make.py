#!/usr/bin/env python3
"""Writes board.bin and prints what case.toml must say: python3 tests/golden/radar-serial/make.py

The bytes are those of a board that was greeted with NONCE: hello, configuration, three frames, one
in each encoding, in slices of five chirps and less. Framing, checksums and Rice codes come from the
plain Python of firmware-proto/vectors/make.py, which shares nothing with the Rust code.
"""

import hashlib
import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "firmware-proto" / "vectors"))
import make as proto  # noqa: E402

CHIRPS, SAMPLES, RX = 12, 16, 3
PARTS = ((0, 5), (5, 5), (10, 2))  # first chirp, chirps
RADAR = dict(proto.RADAR, samples_per_chirp=SAMPLES, chirps_per_frame=CHIRPS, if_gain_db=23)


def encode(samples, chirps, encoding):
    if encoding == 1:
        return proto.raw12(samples)
    if encoding == 2:
        return proto.u16(samples)
    return proto.rice(samples, (chirps, SAMPLES, RX), lambda chirp, rx: (min(chirp, 3), 4))


def main():
    stream = proto.wire(proto.frame("hello", proto.HELLO, sequence=0, time_us=1_000))
    stream += proto.wire(proto.frame("config_radar", RADAR, sequence=1, time_us=1_100))
    digest, sequence = hashlib.sha256(), 0
    for number, encoding in ((0, 1), (1, 2), (2, 3)):
        time_us = 2_000_000 + 77_270 * number
        samples = proto.scene((CHIRPS, SAMPLES, RX), 40 + number)
        for index, (first, chirps) in enumerate(PARTS):
            part = samples[first * SAMPLES * RX:(first + chirps) * SAMPLES * RX]
            values = {"config_id": 7, "frame_number": number, "slice_index": index,
                      "encoding": encoding, "first_chirp": first, "chirp_count": chirps,
                      "samples_per_chirp": SAMPLES, "rx_count": RX,
                      "temperature_centi_c": 3125, "data": encode(part, chirps, encoding)}
            stream += proto.wire(proto.frame("radar_slice", values, stream=1, sequence=sequence,
                                             time_us=time_us))
            sequence += 1
        end = dict(proto.END, frame_number=number, slice_count=len(PARTS), chirp_count=CHIRPS,
                   flags=0, saturated_samples=0, dropped_frames=0)
        stream += proto.wire(proto.frame("frame_end", end, stream=1, sequence=sequence,
                                         time_us=time_us))
        sequence += 1
        for rx in range(RX):
            for at in range(CHIRPS * SAMPLES):
                digest.update(struct.pack("<h", samples[at * RX + rx]))
    (HERE / "board.bin").write_bytes(stream)
    print(f"nonce = \"{proto.NONCE.hex()}\"\nsha256 = \"{digest.hexdigest()}\"")


if __name__ == "__main__":
    main()
