#!/usr/bin/env python3
"""Writes the golden vectors: python3 firmware-proto/vectors/make.py

Independent of the Rust and C code on purpose: its own COBS, CRC-32C bit by bit, BLAKE3 and Rice
coder, and the field order read from schema.txt. Standard library only. The output is the same on
every run; `git diff` after a run shows what changed.
"""

import json
import math
import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent
SCHEMA_BYTES = (HERE.parent / "schema.txt").read_bytes()
MAX_FRAME = 4096
REASONS = ["cobs", "too-long", "truncated", "crc", "version", "incompatible-flags", "auth",
           "unknown-type", "unknown-value"]

# ---- checksums and framing ----


def crc32c(data):
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


assert crc32c(b"123456789") == 0xE3069283


def cobs(data):
    out, block = bytearray(), bytearray()
    for position, byte in enumerate(data):
        if byte == 0:
            out += bytes([len(block) + 1]) + block
            block.clear()
        else:
            block.append(byte)
            if len(block) == 254 and position + 1 < len(data):
                out += b"\xff" + block
                block.clear()
    return bytes(out + bytes([len(block) + 1]) + block)


def uncobs(data):
    out, at = bytearray(), 0
    while at < len(data):
        code = data[at]
        block = data[at + 1:at + code]
        out += block
        if len(out) > MAX_FRAME:
            return "too-long"
        if len(block) < code - 1:
            return "cobs"
        at += code
        if code < 255 and at < len(data):
            out.append(0)
    return "too-long" if len(out) > MAX_FRAME else bytes(out)


# ---- BLAKE3, up to one chunk (1024 bytes): all that the vectors need ----

IV = [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
      0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19]
PERMUTATION = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8]


def blake3(data, key=None):
    assert len(data) <= 1024
    chaining = list(struct.unpack("<8I", key)) if key else IV
    base = 16 if key else 0  # KEYED_HASH
    blocks = [data[at:at + 64] for at in range(0, max(len(data), 1), 64)]
    for number, block in enumerate(blocks):
        flags = base | (1 if number == 0 else 0) | (2 | 8 if number == len(blocks) - 1 else 0)
        words = list(struct.unpack("<16I", block.ljust(64, b"\0")))
        state = chaining + IV[:4] + [0, 0, len(block), flags]

        def mix(a, b, c, d, x, y):
            for word, turn_d, turn_b in ((x, 16, 12), (y, 8, 7)):
                state[a] = (state[a] + state[b] + word) & 0xFFFFFFFF
                turned = state[d] ^ state[a]
                state[d] = (turned >> turn_d | turned << (32 - turn_d)) & 0xFFFFFFFF
                state[c] = (state[c] + state[d]) & 0xFFFFFFFF
                turned = state[b] ^ state[c]
                state[b] = (turned >> turn_b | turned << (32 - turn_b)) & 0xFFFFFFFF

        for _ in range(7):
            for column in range(4):
                mix(column, column + 4, column + 8, column + 12,
                    words[2 * column], words[2 * column + 1])
            for row in range(4):
                mix(row, 4 + (row + 1) % 4, 8 + (row + 2) % 4, 12 + (row + 3) % 4,
                    words[8 + 2 * row], words[9 + 2 * row])
            words = [words[place] for place in PERMUTATION]
        chaining = [state[at] ^ state[at + 8] for at in range(8)]
    return struct.pack("<8I", *chaining)


# Published test vectors of BLAKE3 for the empty input.
assert blake3(b"").hex() == "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
assert blake3(b"", b"whats the Elvish word for friend").hex() == (
    "92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26")


def session_key(key, direction, nonce, boot_id):
    label = b"visaged-proto session v1"
    return blake3(label + bytes([direction]) + nonce + struct.pack("<Q", boot_id), key)


# ---- schema ----

WIDTHS = {"u8": "B", "i8": "b", "u16": "H", "i16": "h", "u32": "I", "u64": "Q"}


def read_schema():
    schema = {}
    for line in SCHEMA_BYTES.decode().splitlines():
        head, _, tail = line.partition(":")
        name, code = head.split()
        fields = []
        for field in tail.split(","):
            text, _, constant = field.partition("=")
            field_name, kind = text.split()
            kind, _, times = kind.partition("*")
            fields.append((field_name, kind, times, int(constant) if constant else None))
        schema[name] = (int(code, 16), fields)
    return schema


SCHEMA = read_schema()


def pack(name, values):
    """Payload bytes of a message, by schema.txt."""
    values, out = dict(values), bytearray()
    _, fields = SCHEMA[name]
    for _, _, times, _ in fields:
        if times and not times.isdigit():
            payload = next(f for f, _, t, _ in fields if t == times)
            values.setdefault(times, len(values[payload]))
    for field, kind, times, constant in fields:
        if times:
            out += values.pop(field)
        elif constant is not None:
            out += struct.pack("<B", constant)
        elif field.startswith("reserved"):
            out += struct.pack("<" + WIDTHS[kind], 0)
        else:
            out += struct.pack("<" + WIDTHS[kind], values.pop(field))
    for _, _, times, _ in fields:
        values.pop(times, None)
    assert not values, values
    return bytes(out)


def frame(name, values, stream=0, sequence=0, time_us=0, flags=0, session=None, tail=b"",
          kind=None, payload=None, magic=0xB1):
    """One unstuffed frame."""
    kind = SCHEMA[name][0] if kind is None else kind
    payload = pack(name, values) if payload is None else payload
    flags |= 0x80 if session else 0
    body = struct.pack("<BBBBHQ", magic, flags, kind, stream, sequence, time_us) + payload + tail
    if session:
        body += blake3(body, session)[:16]
    return body + struct.pack("<I", crc32c(body))


def wire(body):
    return b"\0" + cobs(body) + b"\0"


# ---- Rice ----


def bits_of(value, width):
    return format(value, f"0{width}b") if width else ""


def references(samples, shape, chirp, rx, predictor):
    """What each sample of a line is compared with, and whether the miss is carried."""
    chirps, count, rx_count = shape
    at = lambda c, s: samples[(c * count + s) * rx_count + rx]
    if predictor == 0:
        return [2048] * count, True
    if predictor in (1, 2):
        return [at(chirp - 1, s) for s in range(count)], predictor == 2
    if chirp == 1:
        return [at(0, s) for s in range(count)], False
    if chirp < 4:
        return [(at(chirp - 1, s) + at(chirp - 2, s) + 1) // 2 for s in range(count)], False
    return [(sum(at(chirp - back, s) for back in (1, 2, 3, 4)) + 2) // 4
            for s in range(count)], False


def rice(samples, shape, choose):
    """Delta-rice with the predictor and parameter that `choose(chirp, rx)` says."""
    chirps, count, rx_count = shape
    text = ""
    for chirp in range(chirps):
        for rx in range(rx_count):
            predictor, parameter = choose(chirp, rx)
            reference, carry = references(samples, shape, chirp, rx, predictor)
            text += bits_of(parameter, 4) + bits_of(predictor, 2)
            missed = 0
            for s in range(count):
                miss = samples[(chirp * count + s) * rx_count + rx] - reference[s]
                residual = (miss - (missed if carry else 0) + 2048) % 4096 - 2048
                missed = miss
                folded = 2 * residual if residual >= 0 else -2 * residual - 1
                quotient = folded >> parameter
                if quotient < 12:
                    low = folded & ((1 << parameter) - 1)
                    text += "0" * quotient + "1" + bits_of(low, parameter)
                else:
                    text += "0" * 12 + bits_of(folded, 12)
    text += "0" * (-len(text) % 8)
    return bytes(int(text[at:at + 8], 2) for at in range(0, len(text), 8))


def raw12(samples):
    text = "".join(bits_of(sample, 12) for sample in samples)
    text += "0" * (-len(text) % 8)
    return bytes(int(text[at:at + 8], 2) for at in range(0, len(text), 8))


def u16(samples):
    return struct.pack(f"<{len(samples)}H", *samples)


# ---- expected decode, by the rules of WIRE.md ----

NAMES = {code: name for name, (code, _) in SCHEMA.items() if code != 3}
LIMITS = {("config_event", "format"): 4, ("log", "level"): 4, ("nak", "reason"): 4,
          ("radar_slice", "encoding"): 3, ("event_block", "format"): 4,
          ("sensor_event", "kind"): 3, ("sensor_event", "source"): 2}
WORD = {1: 4, 2: 8, 3: 8, 4: 2}


def unpack(name, payload):
    """Field values, or why not. Samples are filled in by whoever made the vector."""
    values, at = {}, 0
    for field, kind, times, constant in SCHEMA[name][1]:
        width = struct.calcsize(WIDTHS[kind])
        if times:
            width = int(times) if times.isdigit() else values[times]
        part = payload[at:at + width]
        if len(part) < width:
            return "truncated"
        at += width
        values[field] = part.hex() if times else struct.unpack("<" + WIDTHS[kind], part)[0]
        if not 1 <= values[field] <= LIMITS[name, field] if (name, field) in LIMITS else False:
            return "unknown-value"
    if name == "event_block" and values["data_len"] % WORD[values["format"]]:
        return "unknown-value"
    lengths = {times for _, _, times, _ in SCHEMA[name][1]}
    return {field: value for field, value in values.items()
            if field not in lengths and not field.startswith("reserved") and field != "kind"
            or (name == "sensor_event" and field == "kind")}


def parse(body, session=None):
    if isinstance(body, str):
        return body
    if len(body) < 18:
        return "truncated"
    if crc32c(body[:-4]) != struct.unpack("<I", body[-4:])[0]:
        return "crc"
    magic, flags, kind, stream, sequence, time_us = struct.unpack("<BBBBHQ", body[:14])
    if magic != 0xB1:
        return "version"
    if flags & 0x70:
        return "incompatible-flags"
    payload = body[14:-4]
    if flags & 0x80:
        if len(payload) < 16:
            return "truncated"
        payload = payload[:-16]
    if kind == 3:
        if len(payload) < 3:
            return "truncated"
        if payload[2] not in (1, 2):
            return "unknown-value"
        name = "config_radar" if payload[2] == 1 else "config_event"
    elif kind in NAMES:
        name = NAMES[kind]
    else:
        return "unknown-type"
    fields = unpack(name, payload)
    if isinstance(fields, str):
        return fields
    return {"type": name, "flags": flags & 15, "stream": stream, "sequence": sequence,
            "time_us": time_us, "fields": fields}


def expected(stream_bytes, samples=None):
    frames, refused = [], {}
    for part in stream_bytes.split(b"\0")[:-1]:
        if not part:
            continue
        found = parse(uncobs(part))
        if isinstance(found, str):
            refused[found] = refused.get(found, 0) + 1
            continue
        if found["type"] == "radar_slice":
            key = found["fields"]["data"]
            found["samples"] = SAMPLES.get(key)
        frames.append(found)
    return {"frames": frames, "refused": refused}


SAMPLES = {}


def slice_values(samples, shape, encoding, data, **more):
    SAMPLES[data.hex()] = samples
    values = {"config_id": 7, "frame_number": 1000, "slice_index": 0, "encoding": encoding,
              "first_chirp": 0, "chirp_count": shape[0], "samples_per_chirp": shape[1],
              "rx_count": shape[2], "temperature_centi_c": 3125, "data": data}
    values.update(more)
    return values


# ---- the vectors ----


def noise(seed):
    """A small linear congruential generator: the same numbers on every Python."""
    while True:
        seed = (seed * 1103515245 + 12345) % 2**31
        yield seed >> 16


def scene(shape, seed, amplitude=400, jitter=4):
    """A beat signal that drifts a little from chirp to chirp, plus noise."""
    random = noise(seed)
    chirps, count, rx_count = shape
    return [max(0, min(4095, int(2048 + amplitude * math.sin(0.3 * s + 0.05 * c + rx)
                                 + next(random) % (2 * jitter + 1) - jitter)))
            for c in range(chirps) for s in range(count) for rx in range(rx_count)]


NONCE = bytes(range(1, 17))
BOOT = 0x1122334455667788
KEY = bytes(range(32))
HELLO = {"major": 1, "minor": 0, "max_frame": 128, "schema_hash": crc32c(SCHEMA_BYTES),
         "capabilities": 0x5D, "firmware_major": 2, "firmware_minor": 7, "firmware_patch": 300,
         "board_id": 0xDEADBEEF00C0FFEE, "boot_id": BOOT, "nonce": NONCE}
RADAR = {"config_id": 7, "start_frequency_khz": 58_000_000, "end_frequency_khz": 63_500_000,
         "sample_rate_hz": 2_000_000, "chirp_period_ns": 591_125, "frame_period_us": 77_270,
         "hp_cutoff_hz": 80_000, "aaf_cutoff_hz": 500_000, "samples_per_chirp": 64,
         "chirps_per_frame": 8, "rx_mask": 7, "tx_mask": 1, "if_gain_db": -5,
         "tx_power_level": 31, "sensor_model": 1, "adc_bits": 12}
EVENT = {"config_id": 8, "format": 4, "width": 1280, "height": 720, "sensor_model": 102,
         "bias_diff_on": 25, "bias_diff_off": -28, "bias_fo": 34, "bias_hpf": -40,
         "bias_refr": 10}
END = {"config_id": 7, "frame_number": 1000, "slice_count": 1, "flags": 1, "chirp_count": 8,
       "saturated_samples": 3, "dropped_frames": 2}


def block(form, data):
    return {"config_id": 8, "format": form, "width": 320, "height": 320, "data": data}


def plain_vectors():
    shape = (6, 16, 3)
    samples = scene(shape, 1)
    wild = scene((5, 9, 2), 2)
    wild[20], wild[21], wild[50] = 4095, 0, 4095
    zeros = [0] * 24
    single = [0xABC, 0x123, 0xDEF]
    rng = noise(9)
    cycle = lambda c, r: (min(c, 1) * ((c + r) % 4), 1 + (c + 2 * r) % 11)
    long = [next(rng) % 4096 for _ in range(2029)]
    yield "hello", "hello", HELLO, {}
    yield "hello_request", "hello_request", {"nonce": NONCE, "major": 1, "minor": 0,
                                             "max_frame": 4096}, {}
    yield "config_radar", "config_radar", RADAR, {}
    yield "config_event", "config_event", EVENT, {}
    yield "time_request", "time_request", {"host_send_ns": 2**63 + 5}, {}
    yield "time_reply", "time_reply", {"host_send_ns": 2**63 + 5, "device_receive_us": 10**12,
                                       "device_send_us": 10**12 + 40}, {}
    yield "log", "log", {"level": 2, "text": "FIFO at 90 \u00b0C".encode()}, {}
    yield "ack", "ack", {"acked_type": 3, "acked_stream": 0, "acked_sequence": 65535}, {}
    yield "nak", "nak", {"acked_type": 3, "acked_stream": 0, "acked_sequence": 9, "reason": 2}, {}
    yield "frame_end", "frame_end", END, {"stream": 1}
    yield "sensor_event_overflow", "sensor_event", {"kind": 1, "source": 1, "count": 4,
                                                    "frame_number": 1001}, {"stream": 1}
    yield "sensor_event_restart", "sensor_event", {"kind": 2, "source": 2, "count": 0,
                                                   "frame_number": 0}, {"stream": 2}
    yield "event_block_evt2", "event_block", block(1, bytes(range(16))), {"stream": 2}
    yield "event_block_evt21", "event_block", block(2, bytes(range(24))), {"stream": 2}
    yield "event_block_evt21_legacy", "event_block", block(3, bytes(range(24))), {"stream": 2}
    yield "event_block_evt3", "event_block", block(4, bytes(600)), {"stream": 2}
    yield "slice_raw12", "radar_slice", slice_values(samples, shape, 1, raw12(samples)), {}
    yield "slice_raw12_odd", "radar_slice", slice_values(
        single, (1, 3, 1), 1, raw12(single), temperature_centi_c=-32768), {}
    yield "slice_u16", "radar_slice", slice_values(
        [65535, 0, 256, 1], (2, 2, 1), 2, u16([65535, 0, 256, 1]), first_chirp=62,
        slice_index=9), {}
    yield "slice_u16_longest", "radar_slice", slice_values(long, (1, 2029, 1), 2, u16(long)), {}
    yield "slice_rice_sample", "radar_slice", slice_values(
        samples, shape, 3, rice(samples, shape, lambda c, r: (0, 5))), {}
    yield "slice_rice_every_predictor", "radar_slice", slice_values(
        samples, shape, 3, rice(samples, shape, cycle)), {}
    yield "slice_rice_mean", "radar_slice", slice_values(
        samples, shape, 3, rice(samples, shape, lambda c, r: (3 if c else 0, 2))), {}
    yield "slice_rice_escapes", "radar_slice", slice_values(
        wild, (5, 9, 2), 3, rice(wild, (5, 9, 2), lambda c, r: (2 if c else 0, 0))), {}
    yield "slice_rice_zeros", "radar_slice", slice_values(
        zeros, (2, 4, 3), 3, rice(zeros, (2, 4, 3), lambda c, r: (1 if c else 0, 0))), {}


def torture_vectors():
    good = [wire(frame("time_request", {"host_send_ns": 100 + n}, sequence=n, time_us=n))
            for n in range(6)]
    body = frame("time_request", {"host_send_ns": 7}, sequence=1)
    samples = scene((2, 8, 3), 5)
    damaged = slice_values(samples, (2, 8, 3), 3, rice(samples, (2, 8, 3), lambda c, r: (0, 4)))
    damaged["data"] = damaged["data"][:-2]
    flipped = bytearray(good[1])
    flipped[9] ^= 0x10
    yield "torture_starts_mid_frame", good[0][5:] + good[1]
    yield "torture_boot_text_between", good[0] + b"rst:0x1 (POWERON), boot:0x13\r\n" + good[1]
    yield "torture_flipped_bit", good[0] + bytes(flipped) + good[2]
    yield "torture_lost_byte", good[0] + good[1][:7] + good[1][8:] + good[2]
    yield "torture_inserted_byte", good[0] + good[1][:7] + b"U" + good[1][7:] + good[2]
    yield "torture_inserted_zero", good[0] + good[1][:7] + b"\0" + good[1][7:] + good[2]
    yield "torture_lost_delimiters", good[0][:-1] + good[1][1:] + good[2]
    yield "torture_many_zeros", b"\0" * 9 + good[0] + b"\0" * 70 + good[1][1:]
    yield "torture_too_long", good[0] + wire(b"x" * 4097) + b"\0" + cobs(b"y" * 9000)[:5000] + good[1]
    yield "torture_short_frames", good[0] + b"".join(
        wire(body[:n]) for n in range(0, 18)) + b"\0\1\0\2\1\0" + good[1]
    yield "torture_version", wire(frame("time_request", {"host_send_ns": 1}, magic=0xB2)) + good[0]
    yield "torture_flags", b"".join(
        wire(frame("time_request", {"host_send_ns": bit}, flags=1 << bit)) for bit in range(7)
    ) + good[0]
    yield "torture_unknown_type", wire(frame("time_request", {}, kind=0x7E, payload=b"??")) + good[0]
    yield "torture_longer_payload", wire(
        frame("time_request", {"host_send_ns": 5}, tail=b"of a later version")
    ) + wire(frame("log", {"level": 3, "text": b"hi"}, tail=b"\0\1\2"))
    yield "torture_truncated_payloads", good[0] + b"".join(
        wire(frame(name, {}, payload=pack(name, values)[:-1]))
        for name, values in (("hello", HELLO), ("config_radar", RADAR), ("config_event", EVENT),
                             ("frame_end", END), ("log", {"level": 1, "text": b"abc"}),
                             ("event_block", block(4, b"abcd")))) + good[1]
    yield "torture_unknown_values", good[0] + wire(frame("log", {"level": 9, "text": b""})) + wire(
        frame("sensor_event", {"kind": 0, "source": 1, "count": 0, "frame_number": 0})) + wire(
        frame("event_block", block(1, b"abc"))) + wire(
        frame("config_radar", {}, payload=b"\7\0\3")) + good[1]
    yield "torture_damaged_samples", wire(frame("radar_slice", damaged)) + good[0]


def radar_stream():
    """Frames with every kind of loss, and what an assembler must make of them."""
    shape, parts = (6, 8, 3), ((0, 2, 1), (2, 3, 3), (5, 1, 2))  # first chirp, chirps, encoding
    stream, whole = b"", []

    def slices(number, only=(0, 1, 2), end=None, complete=True):
        nonlocal stream
        samples = scene(shape, 100 + number)
        for index in only:
            first, chirps, encoding = parts[index]
            part = samples[first * 24:(first + chirps) * 24]
            data = {1: raw12(part), 2: u16(part), 3: rice(
                part, (chirps, 8, 3), lambda c, r: (2 if c else 0, 4))}[encoding]
            values = slice_values(part, (chirps, 8, 3), encoding, data, frame_number=number,
                                  slice_index=index, first_chirp=first)
            stream += wire(frame("radar_slice", values, stream=1, time_us=number * 50))
        if end is not None:
            values = dict(END, frame_number=number, slice_count=3, chirp_count=6,
                          dropped_frames=end)
            stream += wire(frame("frame_end", values, stream=1, time_us=number * 50))
        if complete:
            whole.append({"frame_number": number, "time_us": number * 50, "samples": samples})

    def event(kind):
        nonlocal stream
        stream += wire(frame("sensor_event", {"kind": kind, "source": 1, "count": 1,
                                              "frame_number": 0}, stream=1))

    slices(1000, end=5)
    slices(1001, only=(0, 2), end=5, complete=False)  # missing slice
    slices(1002, complete=False)                      # missing end; 1003 never comes
    slices(1004, end=6)
    slices(1005, only=(0, 1), complete=False)         # interrupted
    event(1)
    event(2)
    slices(0, end=0)
    slices(1, only=(), end=0, complete=False)         # every slice missing
    slices(2, only=(0, 1), end=0, complete=False)     # the last one missing
    slices(3, end=2)
    return stream, {"frames": whole, "unseen": 1, "device_dropped": 3, "restarts": 0,
                    "lost": {"missing-slice": 2, "missing-end": 1, "interrupted": 1,
                             "count-mismatch": 1}}


def auth_vectors():
    """(name, bytes, how many frames a host with KEY and NONCE accepts and refuses as `auth`)."""
    session = session_key(KEY, 1, NONCE, BOOT)
    other = session_key(KEY, 2, NONCE, BOOT)
    hello = wire(frame("hello", HELLO, time_us=10, session=session))
    end = lambda n, t, s: wire(frame("frame_end", END, stream=1, sequence=n, time_us=t, session=s))
    stale = dict(HELLO, nonce=bytes(16))
    yield "auth_session", hello + end(0, 20, session) + end(1, 20, session) + end(2, 30, session), 4, 0
    yield "auth_replay", hello + end(5, 20, session) + end(5, 20, session) + end(4, 19, session) + (
        end(6, 20, session)) + hello, 3, 3
    yield "auth_untagged", hello + end(0, 20, None) + end(1, 30, session), 2, 1
    yield "auth_reflected", hello + end(0, 20, other) + end(1, 30, session), 2, 1
    yield "auth_before_hello", end(0, 20, session) + hello + end(1, 30, session), 2, 1
    yield "auth_stale_hello", wire(frame("hello", stale, session=session_key(
        KEY, 1, bytes(16), BOOT))) + hello, 1, 1


def write(name, data, about):
    (HERE / f"{name}.bin").write_bytes(data)
    text = json.dumps(about | expected(data), indent=1)
    (HERE / f"{name}.json").write_text(text + "\n")


def main():
    for old in [*HERE.glob("*.bin"), *HERE.glob("*.json")]:
        old.unlink()
    for number, (name, message, values, where) in enumerate(plain_vectors()):
        data = wire(frame(message, values, sequence=number, time_us=10**9 + number, **where))
        write(name, data, {"canonical": True})
    for name, data in torture_vectors():
        write(name, data, {"canonical": False})
    data, assembled = radar_stream()
    write("radar_stream", data, {"canonical": False, "assembled": assembled})
    for name, data, accepted, refused in auth_vectors():
        write(name, data, {"canonical": False, "key": KEY.hex(), "nonce": NONCE.hex(),
                           "with_key": {"frames": accepted, "auth": refused}})
    print(f"schema hash 0x{crc32c(SCHEMA_BYTES):08X}")


if __name__ == "__main__":
    main()
