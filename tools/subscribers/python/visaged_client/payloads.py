"""The payloads as typed dataclasses: one for each stream of configs/schema/v1.json.

Absent keys are None, keys that are not known are ignored: they are only ever added. Units are in
the names: `_us` microseconds, `_ms` milliseconds, `_m` metres, `_m_s` metres per second.
"""

from dataclasses import dataclass
from typing import Dict, List, Optional


@dataclass(frozen=True)
class Identity:
    state: str  # nobody, checking, enrolled, not-enrolled, unknown
    liveness: str  # insufficient, not-live, live
    reason: Optional[str] = None
    band: Optional[str] = None  # low, medium, high
    lease_ms: Optional[int] = None


@dataclass(frozen=True)
class Expression:
    state: str  # closed, unknown, shown
    label: Optional[str] = None  # smile, shock, neutral, anger
    band: Optional[str] = None


@dataclass(frozen=True)
class Interval:
    label: str
    onset_us: int
    apex_us: int
    offset_us: int
    band: str


@dataclass(frozen=True)
class RadarTarget:
    range_m: float
    velocity_m_s: float  # negative towards the radar
    snr_db: float


@dataclass(frozen=True)
class Respiration:
    rate_per_min: float
    displacement_mm: float
    range_m: float
    snr_db: float


@dataclass(frozen=True)
class RadarSummary:
    frame: int
    has_holes: bool
    moving: Optional[RadarTarget] = None
    slow: Optional[RadarTarget] = None
    respiration: Optional[Respiration] = None


@dataclass(frozen=True)
class RegionPixels:
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class EventSummary:
    window_us: int
    events: int
    kept: int
    triggers: int
    rate_mev_s: float
    region: RegionPixels
    non_monotonic: bool
    on_fraction: Optional[float] = None


@dataclass(frozen=True)
class ClockReport:
    state: str  # unsynced, locked, holdover
    drift_ppm: Optional[float] = None
    residual_us: Optional[float] = None
    round_trip_us: Optional[int] = None


@dataclass(frozen=True)
class SensorStatus:
    name: str
    state: str  # starting, streaming, degraded, lost, ended
    received: int
    counts: Dict[str, int]
    trouble: Optional[str] = None
    clock: Optional[ClockReport] = None
    frame_period_us: Optional[float] = None


@dataclass(frozen=True)
class NetworkStatus:
    role: str
    name: str
    trained_on: str  # whether its answers speak of people or of a simulation
    state: str  # active, no-sensor, no-calibration, no-identity


@dataclass(frozen=True)
class Status:
    alignment: str  # unix, starts, live
    sensors: List[SensorStatus]
    dropped: Dict[str, int]
    filtered: Dict[str, int]
    bundle: Optional[str] = None
    networks: Optional[List[NetworkStatus]] = None  # of the bundle; absent without one


@dataclass(frozen=True)
class Trouble:
    sensor: str
    state: str
    trouble: Optional[str] = None


@dataclass(frozen=True)
class Health:
    state: str  # well, degraded, failing
    uptime_s: float
    memory_bytes: int
    recording: bool
    troubles: List[Trouble]
    pipeline_median_ms: Optional[float] = None
    pipeline_worst_ms: Optional[float] = None


@dataclass(frozen=True)
class SensorName:
    name: str
    kind: str


@dataclass(frozen=True)
class Hello:
    version: str
    host: str
    sensors: List[SensorName]
    topics: List[str]
    bundle: Optional[str] = None
