#!/usr/bin/env python3
"""One Python peer on one workload; prints nanoseconds per unit as JSON.

Usage: drivers.py PEER SECONDS [FILE]

run.py starts this in the virtual environment of the peers, one process per measurement, so that
no library changes the heap, the threads or the caches of another. Every driver returns a function
that does the whole work once and says how many frames or events that were.
"""

import json
import os
import statistics
import sys
import time

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402, the variables must be set before

RX, CHIRPS, SAMPLES = 3, 64, 128
BINS = SAMPLES // 2 + 1
FRAMES = 64
CHUNK = 64 * 1024


# Range-Doppler: window, real FFT, mean over chirps off, window, FFT, shift, magnitude.


def hann(length):
    """Periodic, as the default of ours."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


RANGE_WINDOW = hann(SAMPLES)
DOPPLER_WINDOW = hann(CHIRPS)[:, None]


def magnitudes(spectra):
    return np.abs(np.fft.fftshift(spectra, axes=-2))


def numpy_map(frame):
    spectra = np.fft.rfft(frame * RANGE_WINDOW, axis=-1)
    spectra -= spectra.mean(axis=-2, keepdims=True)
    return magnitudes(np.fft.fft(spectra * DOPPLER_WINDOW, axis=-2))


def scipy_map():
    import scipy.fft

    def run(frame):
        spectra = scipy.fft.rfft(frame * RANGE_WINDOW, axis=-1, workers=1)
        spectra -= spectra.mean(axis=-2, keepdims=True)
        spectra *= DOPPLER_WINDOW
        return magnitudes(scipy.fft.fft(spectra, axis=-2, overwrite_x=True, workers=1))

    return run


def pyfftw_map():
    import pyfftw

    chirps = pyfftw.empty_aligned((RX, CHIRPS, SAMPLES), "float32")
    ranges = pyfftw.empty_aligned((RX, CHIRPS, BINS), "complex64")
    dopplers = pyfftw.empty_aligned((RX, CHIRPS, BINS), "complex64")
    measure = {"flags": ("FFTW_MEASURE",), "threads": 1}
    range_fft = pyfftw.FFTW(chirps, ranges, axes=(-1,), **measure)
    doppler_fft = pyfftw.FFTW(ranges, dopplers, axes=(1,), **measure)

    def run(frame):
        np.multiply(frame, RANGE_WINDOW, out=chirps)
        range_fft.execute()
        np.subtract(ranges, ranges.mean(axis=-2, keepdims=True), out=ranges)
        np.multiply(ranges, DOPPLER_WINDOW, out=ranges)
        doppler_fft.execute()
        return magnitudes(dopplers)

    return run


def range_doppler(make_map):
    """One frame a call, 64 distinct frames in turn, already f32."""
    to_map = make_map()
    random = np.random.default_rng(1)
    frames = random.integers(1500, 2600, size=(FRAMES, RX, CHIRPS, SAMPLES)).astype(np.float32)
    exact = numpy_map(frames[0].astype(np.float64))
    error = np.abs(to_map(frames[0]) - exact).max() / exact.max()
    assert error < 2e-5, f"the map is off by {error}"

    def run():
        for frame in frames:
            to_map(frame)
        return FRAMES

    return run


# Event decoders.


def payload_of(path):
    """What follows the header, whose lines start with %."""
    with open(path, "rb") as file:
        content = file.read()
    start = 0
    while content[start : start + 1] == b"%":
        start = content.index(b"\n", start) + 1
    return content[start:]


def evt3_feed(path):
    import evt3

    payload = payload_of(path)
    chunks = [payload[at : at + CHUNK] for at in range(0, len(payload), CHUNK)]

    def run():
        # Below the public class, which wraps each chunk once more.
        decoder = evt3._Decoder(sensor_width=1280, sensor_height=720)
        return sum(len(decoder.feed(chunk).x) for chunk in chunks)

    return run


def evt3_file(path):
    import evt3

    return lambda: len(evt3.decode_file(path).x)


def faery_file(path):
    import faery

    return lambda: sum(len(events) for events in faery.events_stream_from_file(path))


def dv_file(path):
    import dv_processing

    def run():
        recording = dv_processing.io.MonoCameraRecording(path)
        count = 0
        while (events := recording.getNextEventBatch()) is not None:
            count += events.size()
        return count

    return run


def aedat_file(path):
    import aedat

    def run():
        packets = aedat.Decoder(path)
        return sum(len(packet["events"]) for packet in packets if "events" in packet)

    return run


DRIVERS = {
    "numpy": lambda _: range_doppler(lambda: numpy_map),
    "scipy.fft": lambda _: range_doppler(scipy_map),
    "pyFFTW": lambda _: range_doppler(pyfftw_map),
    "evt3-feed": evt3_feed,
    "evt3-file": evt3_file,
    "faery": faery_file,
    "dv-processing": dv_file,
    "aedat": aedat_file,
}


def measure(run, budget):
    """Median nanoseconds per unit by wall clock and by CPU time; a third of the budget warms up."""
    units = run()
    start = time.perf_counter()
    while time.perf_counter() - start < budget / 3:
        run()
    wall, cpu = [], []
    start = time.perf_counter()
    while not wall or time.perf_counter() - start < budget * 2 / 3:
        wall_start, cpu_start = time.perf_counter_ns(), time.process_time_ns()
        run()
        # All threads of the process: some peers read ahead on one of their own.
        cpu.append((time.process_time_ns() - cpu_start) / units)
        wall.append((time.perf_counter_ns() - wall_start) / units)
    return {
        "ns": statistics.median(wall),
        "cpu_ns": statistics.median(cpu),
        "units": units,
        "runs": len(wall),
    }


if __name__ == "__main__":
    peer, seconds = sys.argv[1], float(sys.argv[2])
    path = sys.argv[3] if len(sys.argv) > 3 else None
    print(json.dumps(measure(DRIVERS[peer](path), seconds)))
