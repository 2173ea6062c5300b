#!/usr/bin/env python3
"""Our compiled operators and networks beside PyTorch and ONNX Runtime, in turn on the same machine.

    cargo build --release --package visaged-bench
    python3 tools/bench/peers/networks.py            # --only "conv", --rounds 5, --threads 1 2

Needs torch, onnx, onnxscript and onnxruntime in the Python that runs it. Each row of ROWS is a
workload of visaged-bench and the same function as a PyTorch module, which is exported to ONNX
(opset 17) for ONNX Runtime; whole networks are those of tools/reference/networks.py. A fresh process
measures each, in rounds: ours, PyTorch, ONNX Runtime, ours, ... A ratio pairs what was measured in
the same round. Answers of ours take one thread always; with two threads a peer has both CPUs, and so
has a training step of ours. ONNX Runtime trains nothing. To add a network, add a row.
"""

import argparse
import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

ROOT = Path(__file__).resolve().parents[3]
BENCH = Path(os.environ.get("BENCH", ROOT / "target" / "release" / "visaged-bench"))
# What `lab train` starts itself with, see tools/lab/src/memory.rs.
KEEP_FREED = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_ARENA_MAX": "1",
}

sys.path.insert(0, str(ROOT / "tools" / "reference"))


@dataclass(frozen=True)
class Row:
    """`workload` of visaged-bench computes what `module()` does on an input of `shape`."""

    workload: str
    module: Callable
    shape: tuple
    trains: bool = False

    @property
    def peers(self):
        return ("torch",) if self.trains else ("torch", "onnxruntime")


def nn():
    import torch

    return torch.nn


def network(name, preset):
    """A network of tools/reference/networks.py with weights as PyTorch draws them."""
    import networks as reference

    build, _, _, presets = reference.ALL[name]
    return build(*presets[preset])


ROWS = [
    Row(
        "operator conv 3x3 2 to 16, 64 x 64, ours",
        lambda: nn().Conv2d(2, 16, 3, padding=1, bias=False),
        (1, 2, 64, 64),
    ),
    Row(
        "operator conv 3x3 32 to 32, 32 x 32, ours",
        lambda: nn().Conv2d(32, 32, 3, padding=1, bias=False),
        (1, 32, 32, 32),
    ),
    Row(
        "operator depthwise 3x3 64, 32 x 32, ours",
        lambda: nn().Conv2d(64, 64, 3, padding=1, groups=64, bias=False),
        (1, 64, 32, 32),
    ),
    Row(
        "operator transposed 3x3 64 to 32, 8 x 8 to 16 x 16, ours",
        lambda: nn().ConvTranspose2d(64, 32, 3, 2, 1, 1, bias=False),
        (1, 64, 8, 8),
    ),
    Row(
        "operator over time 3 32 to 32, 16 x 56 x 56, ours",
        lambda: nn().Conv3d(32, 32, (3, 1, 1), padding=(1, 0, 0), bias=False),
        (1, 32, 16, 56, 56),
    ),
    Row(
        "operator linear 8192 to 128, ours",
        lambda: nn().Linear(8192, 128, bias=False),
        (1, 8192),
    ),
    Row("operator silu 65536, ours", lambda: nn().SiLU(), (65536,)),
    Row(
        "operator max pool 2x2 64, 32 x 32, ours",
        lambda: nn().MaxPool2d(2),
        (1, 64, 32, 32),
    ),
]

# Network, preset, shape of one input, batch of a training step; no batch: not trained here.
NETWORKS = [
    ("fooder_auth", "edge", (2, 64, 64), 32),
    ("fooder_gate", "default", (2, 64, 64), 32),
    ("fooder_expert", "xxs", (2, 64, 64), 32),
    ("fooder_expert", "xs", (2, 64, 64), None),
    ("cs3d", "edge", (2, 16, 112, 112), 4),
]
for name, preset, shape, batch in NETWORKS:
    module = functools.partial(network, name, preset)
    ROWS.append(Row(f"network {name} {preset}, one answer", module, (1, *shape)))
    if batch:
        step = f"network {name} {preset}, AdamW step of {batch}"
        ROWS.append(Row(step, module, (batch, *shape), trains=True))


def main():
    options = parse()
    if options.measure:
        print(json.dumps(measure(options)))
        return
    print("| workload | threads of peers | ours us | torch us (ratio) | ONNX Runtime us (ratio) |")
    print("|---|---|---|---|---|")
    for number, row in enumerate(ROWS):
        if options.only not in row.workload:
            continue
        for threads in options.threads:
            print(compare(number, row, threads, options), flush=True)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="rows whose name holds this")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--measure", nargs=3, metavar=("PEER", "ROW", "THREADS"), help="for itself")
    return parser.parse_args()


def compare(number, row, threads, options):
    """One line: medians over the rounds, and medians of the ratios ours / theirs of each round."""
    rounds = [
        {
            "ours": ours(row, threads, options),
            **{peer: theirs(peer, number, threads, options) for peer in row.peers},
        }
        for _ in range(options.rounds)
    ]
    cells = [row.workload, str(threads), f"{median(one['ours'] for one in rounds):.1f}"]
    for peer in ("torch", "onnxruntime"):
        if peer not in row.peers:
            cells.append("-")
            continue
        time_us = median(one[peer] for one in rounds)
        ratio = median(one["ours"] / one[peer] for one in rounds)
        cells.append(f"{time_us:.1f} ({ratio:.2f})")
    return "| " + " | ".join(cells) + " |"


def median(numbers):
    return statistics.median(list(numbers))


def ours(row, threads, options):
    seconds = str(options.seconds)
    cpus = ",".join(str(cpu) for cpu in sorted(os.sched_getaffinity(0))[:threads])
    command = ["taskset", "-c", cpus, BENCH, "--json", "--seconds", seconds, "--only", row.workload]
    # candle starts as many threads as the machine has CPUs, also where it may use one of them alone.
    settings = {"RAYON_NUM_THREADS": str(threads), **(KEEP_FREED if row.trains else {})}
    line = call(command, settings)
    return line["ns"]["median"] / 1e3


def theirs(peer, number, threads, options):
    here = [sys.executable, __file__, "--seconds", str(options.seconds)]
    return call([*here, "--measure", peer, str(number), str(threads)])["us"]


def call(command, settings={}):
    environment = {**os.environ, **settings}
    finished = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return json.loads(finished.stdout)


def measure(options):
    """Microseconds of one forward pass of a peer, median."""
    peer, number, threads = options.measure
    os.environ["OMP_NUM_THREADS"] = threads  # before torch is imported
    import torch

    torch.set_num_threads(int(threads))
    torch.manual_seed(0)
    row = ROWS[int(number)]
    module, x = row.module().eval(), torch.randn(row.shape)
    if row.trains:
        run = torch_trainer(module.train(), x)
    elif peer == "torch":
        run = torch_runner(module, x)
    else:
        run = onnx_runner(module, x, int(threads))
    end = time.perf_counter() + options.seconds / 3
    while time.perf_counter() < end:
        run()
    times, end = [], time.perf_counter() + options.seconds
    while time.perf_counter() < end:
        start = time.perf_counter_ns()
        run()
        times.append(time.perf_counter_ns() - start)
    return {"us": statistics.median(times) / 1e3}


def torch_runner(module, x):
    import torch

    def run():
        with torch.inference_mode():
            module(x)

    return run


def torch_trainer(module, x):
    """Forward, backward and a step of AdamW: the mean of all scores is as good a loss as another."""
    import torch

    optimiser = torch.optim.AdamW(module.parameters(), lr=1e-3)

    def run():
        optimiser.zero_grad()
        module(x).mean().backward()
        optimiser.step()

    return run


def onnx_runner(module, x, threads):
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "module.onnx"
        torch.onnx.export(module, (x,), str(file), opset_version=17, dynamo=False)
        session = onnxruntime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"]
        )
    feed = {session.get_inputs()[0].name: x.numpy()}
    return lambda: session.run(None, feed)


if __name__ == "__main__":
    main()
