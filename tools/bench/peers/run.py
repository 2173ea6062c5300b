#!/usr/bin/env python3
"""Our bench and its peers in turn on one pinned CPU: a table of medians and paired ratios.

Makes a virtual environment under target/peers-venv, builds our bench and the Rust peer, writes
the inputs that are made at run time under target/peers-inputs, and then measures in rounds: ours,
first peer, second peer, ours, ... Rates and ratios are by CPU time of the process, kernel and all
threads included, because other processes disturb it least; the ratio by wall clock stands beside
it. A ratio pairs what was measured in the same round, so that slow drift of the machine cancels.
Needs Python 3.11 or newer, Cargo, and the recordings in
../shared/data; comparisons whose recording is absent are left out and named.
"""

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
SHARED = ROOT / ".." / "shared" / "data"
TARGET = ROOT / "target"
VENV = TARGET / "peers-venv"
MADE = TARGET / "peers-inputs"
BENCH = TARGET / "release" / "visaged-bench"
RUST_TARGET = TARGET / "peers-rust"
RUST_PEER = RUST_TARGET / "release" / "peer-evt3"


@dataclass(frozen=True)
class Peer:
    """Who is measured and how; `driver` is a key of drivers.py, or "evt3-crate"."""

    name: str
    driver: str
    how: str


@dataclass(frozen=True)
class Comparison:
    """Ours, by workload or from `file`, against `peers` on the same input."""

    name: str
    how: str
    peers: tuple
    file: Path | None = None
    workload: str | None = None


MEMORY = "file in memory, 64 KiB chunks, one batch of events used again"
FROM_FILE = "from file, a chunk at a time, a new batch each"
EVT3_CRATE = Peer("evt3 (Rust)", "evt3-crate", MEMORY)
EVT3_FEED = Peer("evt3 (Python)", "evt3-feed", "file in memory, 64 KiB chunks, new arrays each")
EVT3_FILE = Peer("evt3 (Python)", "evt3-file", "from file, all events in arrays")
FAERY = Peer("faery", "faery", "from file, its packets")
DV = Peer("dv-processing", "dv-processing", "from file, its packets, as EventStore")
AEDAT = Peer("aedat", "aedat", "from file, its packets")


def evt3(name, file, workload):
    """The two fair ways to decode EVT3: from memory and from file."""
    return [
        Comparison(f"EVT3 {name}, memory", MEMORY, (EVT3_CRATE, EVT3_FEED), file, workload),
        Comparison(f"EVT3 {name}, file", FROM_FILE, (EVT3_FILE, FAERY), file),
    ]


COMPARISONS = [
    Comparison(
        "range-Doppler 3 x 64 x 128",
        "one frame a call, i16 in, offset of each chirp taken off as well",
        (
            Peer("pyFFTW", "pyFFTW", "one frame a call, f32 in, FFTW_MEASURE, planned once"),
            Peer("scipy.fft", "scipy.fft", "one frame a call, f32 in, workers=1"),
            Peer("numpy", "numpy", "one frame a call, f32 in"),
        ),
        workload="range_doppler 3 rx",
    ),
    *evt3("imx636", SHARED / "event/imx636_evk4_evt3.raw", "evt3_decode imx636"),
    *evt3("face", SHARED / "event/face_dvxplorer_evt3.raw", "evt3_decode face"),
    *evt3("sparklers x4", MADE / "sparklers_x4_evt3.raw", "evt3_decode sparklers"),
    Comparison("EVT2 sparklers x16, file", FROM_FILE, (FAERY,), MADE / "sparklers_x16_evt2.raw"),
    Comparison(
        "AEDAT4 face, file",
        FROM_FILE,
        (DV, AEDAT, FAERY),
        SHARED / "event/dvxplorer_lite_face.aedat4",
    ),
    Comparison(
        "DAT face, file", FROM_FILE, (FAERY,), SHARED / "event/face_dvxplorer_cd.dat"
    ),
]


def main():
    options = parse()
    prepare()
    os.sched_setaffinity(0, {options.cpu})
    results, absent = [], []
    for comparison in COMPARISONS:
        if not comparison.name.startswith(options.only):
            continue
        if comparison.file and not comparison.file.exists():
            absent.append(comparison.name)
            continue
        results.append(compare(comparison, options))
        print(table([results[-1]], head=len(results) == 1), flush=True)
    for name in absent:
        print(f"left out for want of its recording: {name}")
    if options.json:
        report = {"machine": machine(options), "results": results, "absent": absent}
        options.json.write_text(json.dumps(report, indent=1) + "\n")


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cpu", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    parser.add_argument("--only", default="", metavar="NAME-PREFIX", help="of a comparison")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args()


def prepare():
    """Everything that may use all CPUs, before this process is pinned to one."""
    python = VENV / "bin" / "python"
    if not python.exists():
        venv.create(VENV, with_pip=True)
    requirements = str(HERE / "requirements.txt")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", requirements], check=True)
    build = ["cargo", "build", "--release", "--locked", "--quiet"]
    subprocess.run([*build, "--package", "visaged-bench"], cwd=ROOT, check=True)
    subprocess.run([BENCH, "--write-inputs", MADE], stdout=subprocess.DEVNULL, check=True)
    there = dict(os.environ, CARGO_TARGET_DIR=str(RUST_TARGET))
    if subprocess.run(build, cwd=HERE / "rust", env=there).returncode:
        print("left out, because it cannot be built: the Rust crate evt3")


def compare(comparison, options):
    """Rounds of ours and each peer."""
    peers = [peer for peer in comparison.peers if peer.driver != "evt3-crate" or RUST_PEER.exists()]
    rounds = []
    for _ in range(options.rounds):
        measured = {"ours": ours(comparison, options.seconds)}
        for peer in peers:
            measured[peer.driver] = theirs(peer, comparison, options.seconds)
        rounds.append(measured)
    rows = [row("visaged", comparison.how, "ours", rounds)]
    rows += [row(peer.name, peer.how, peer.driver, rounds) for peer in peers]
    return {"comparison": comparison.name, "rows": rows, "rounds": rounds}


def ours(comparison, seconds):
    chosen = ["--only", comparison.workload] if comparison.workload else ["--file", comparison.file]
    line = call([BENCH, "--json", "--seconds", str(seconds), *chosen])
    return {"ns": line["ns"]["median"], "cpu_ns": line["cpu_ns"], "units": line["units_per_call"]}


def theirs(peer, comparison, seconds):
    file = [comparison.file] if comparison.file else []
    if peer.driver == "evt3-crate":
        return call([RUST_PEER, *file, str(seconds)])
    return call([VENV / "bin" / "python", HERE / "drivers.py", peer.driver, str(seconds), *file])


def call(command):
    finished = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(finished.stdout)


def row(name, how, key, rounds):
    """Medians over the rounds, and how many times as fast ours is in the same round."""

    def ratios(clock):
        return [measured[key][clock] / measured["ours"][clock] for measured in rounds]

    return {
        "name": name,
        "how": how,
        "cpu_ns": statistics.median(measured[key]["cpu_ns"] for measured in rounds),
        "ratio": statistics.median(ratios("cpu_ns")),
        "ratio_min": min(ratios("cpu_ns")),
        "ratio_max": max(ratios("cpu_ns")),
        "wall_ratio": statistics.median(ratios("ns")),
        "same_units": all(one[key]["units"] == one["ours"]["units"] for one in rounds),
    }


def table(results, head):
    lines = []
    if head:
        lines.append("| input | who | driven | median | ours is faster by | by wall clock |")
        lines.append("|---|---|---|---|---|---|")
    for result in results:
        frames = result["comparison"].startswith("range-Doppler")
        for entry in result["rows"]:
            ns = entry["cpu_ns"]
            rate = f"{ns / 1e3:.1f} us/frame" if frames else f"{1e3 / ns:.1f} Mev/s"
            ratios = ["-", "-"]
            if entry["name"] != "visaged":
                ratio = "{ratio:.2f} ({ratio_min:.2f} to {ratio_max:.2f})".format(**entry)
                ratios = [ratio, f"{entry['wall_ratio']:.2f}"]
            note = "" if entry["same_units"] else ", ANOTHER NUMBER OF EVENTS"
            cells = [result["comparison"], entry["name"], entry["how"] + note, rate, *ratios]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def machine(options):
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    return {
        "date": datetime.date.today().isoformat(),
        "cpu": models[0] if models else platform.processor(),
        "cpus": os.cpu_count(),
        "load": os.getloadavg(),
        "python": sys.version.split()[0],
        "rounds": options.rounds,
        "seconds": options.seconds,
    }


if __name__ == "__main__":
    main()
