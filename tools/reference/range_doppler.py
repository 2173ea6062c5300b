#!/usr/bin/env python3
"""The maps of `visaged export`, computed again with NumPy in 64-bit floats, and compared.

    visaged export RADAR --what rdi --out rdi.npy
    visaged export RADAR --what micro-rdi --out micro.npy
    python3 range_doppler.py RADAR/radar.npy --rdi rdi.npy --micro micro.npy

This is the definition in twenty lines: whoever doubts a map can read it here. Works on any NumPy
array of raw samples `[frame, rx, chirp, sample]`, real or complex.
"""

import argparse
import sys

import numpy as np


def hann(n):
    """Periodic, as an FFT assumes."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)


def range_spectra(x):
    """[..., chirp, sample] -> [..., chirp, range_bin]"""
    x = x - x.mean(axis=-1, keepdims=True)
    x = x * hann(x.shape[-1])
    return np.fft.fft(x, axis=-1) if np.iscomplexobj(x) else np.fft.rfft(x, axis=-1)


def rdi(x):
    """[frame, rx, chirp, sample] -> [frame, rx, range_bin, doppler_bin]"""
    spectra = range_spectra(x)
    spectra = spectra - spectra.mean(axis=-2, keepdims=True)
    spectra = spectra * hann(x.shape[-2])[:, None]
    doppler = np.fft.fftshift(np.fft.fft(spectra, axis=-2), axes=-2)
    return np.abs(doppler).swapaxes(-1, -2)


def micro_rdi(x, block=64):
    """[frame, rx, chirp, sample] -> [block, rx, range_bin, doppler_bin], blocks end to end"""
    slow = range_spectra(x).mean(axis=-2)  # [frame, rx, range_bin]
    blocks = slow[: len(slow) // block * block].reshape(-1, block, *slow.shape[1:])
    blocks = blocks - blocks.mean(axis=1, keepdims=True)
    blocks = blocks * hann(block)[:, None, None]
    doppler = np.fft.fftshift(np.fft.fft(blocks, axis=1), axes=1)
    return np.abs(doppler).transpose(0, 2, 3, 1)


def compare(name, ours, reference, limit):
    if ours.shape != reference.shape:
        print(f"{name}: shape {ours.shape}, but NumPy has {reference.shape}")
        return False
    axes = tuple(range(1, reference.ndim))
    worst = (np.abs(ours - reference).max(axis=axes) / reference.max(axis=axes)).max()
    good = worst < limit
    print(f"{name}: worst error {worst:.1e} of the map maximum, {'good' if good else 'TOO LARGE'}")
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("samples", help="raw samples [frame, rx, chirp, sample] as .npy")
    parser.add_argument("--rdi", help="exported with --what rdi")
    parser.add_argument("--micro", help="exported with --what micro-rdi, default block and hop")
    parser.add_argument("--limit", type=float, default=3e-4, help="largest error accepted")
    args = parser.parse_args()
    x = np.load(args.samples)
    x = x.astype(np.complex128 if np.iscomplexobj(x) else np.float64)
    good = True
    if args.rdi:
        good &= compare("rdi", np.load(args.rdi), rdi(x), args.limit)
    if args.micro:
        good &= compare("micro-rdi", np.load(args.micro), micro_rdi(x), args.limit)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
