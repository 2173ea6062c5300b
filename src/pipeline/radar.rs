//! One radar through the kernels: maps of fast and slow motion, the strongest cell of each, breath.

use ndarray::Array3;

use crate::data::message::{Liveness, RadarSummary, RadarTarget};
use crate::data::{ChirpConfig, RadarFrame};
use crate::dsp::radar::{
    Error, Found, FrameShape, MapAxes, MicroDoppler, MicroDopplerConfig, Peaks, RangeDoppler,
};
use crate::units::{HostClock, Meters, Seconds, Stamp};

use super::RadarConfig;
use super::agreement::Motion;
use super::recent::Recent;
use super::vital::Vital;

/// The kernels of one radar with their maps.
pub(super) struct RadarChain {
    chirp: ChirpConfig,
    shape: FrameShape,
    fast: Fast,
    slow: Slow,
    /// Of fast and of slow motion.
    least_snr_db: [f32; 2],
    /// Boxed, as motion is: a camera's chain is smaller.
    vital: Box<Vital>,
    motion: Box<Motion>,
    recent: Recent,
    /// What the newest frame shows, until somebody decides with it.
    glance: Option<Glance>,
    /// Frames taken so far.
    frames: u64,
}

/// What decisions need to know of one frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Glance {
    pub(super) stamp: Stamp<HostClock>,
    /// False if samples were lost.
    pub(super) is_whole: bool,
    /// Distances of what moves fast in this frame, and of what moved most within the last few.
    pub(super) targets: [Option<Meters>; 2],
    /// Energy of small fast motion; absent where frames are missing.
    pub(super) motion: Option<f64>,
}

struct Fast {
    kernel: RangeDoppler,
    /// `[rx, range_bin, doppler_bin]`
    map: Array3<f32>,
    peaks: Peaks,
    axes: MapAxes,
}

struct Slow {
    kernel: MicroDoppler,
    config: MicroDopplerConfig,
    /// `[rx, range_bin, doppler_bin]`
    map: Array3<f32>,
    peaks: Peaks,
    axes: MapAxes,
    /// Of the newest map; repeated until the next one is due.
    newest: Option<RadarTarget>,
    /// False until a map was made.
    has_map: bool,
}

impl RadarChain {
    /// Motion is looked for up to `farthest`.
    pub(super) fn plan(
        config: &RadarConfig,
        chirp: &ChirpConfig,
        farthest: Meters,
    ) -> Result<Self, Error> {
        let shape = FrameShape::from(chirp);
        let fast = RangeDoppler::plan(shape, &config.range_doppler)?;
        let slow = MicroDoppler::plan(shape, &config.micro_doppler)?;
        let fast_axes = MapAxes::of_range_doppler(chirp, &config.range_doppler);
        let slow_axes = MapAxes::of_micro_doppler(chirp, &config.micro_doppler);
        Ok(Self {
            chirp: chirp.clone(),
            shape,
            fast: Fast {
                map: Array3::zeros(fast.map_shape()),
                peaks: Peaks::plan(fast.map_shape(), fast_axes.range_step, config.peaks)?,
                axes: fast_axes,
                kernel: fast,
            },
            slow: Slow {
                map: Array3::zeros(slow.map_shape()),
                peaks: Peaks::plan(slow.map_shape(), slow_axes.range_step, config.slow_peaks)?,
                axes: slow_axes,
                config: config.micro_doppler,
                kernel: slow,
                newest: None,
                has_map: false,
            },
            least_snr_db: [config.least_snr_db, config.least_slow_snr_db],
            vital: Box::new(Vital::plan(&config.respiration, chirp)?),
            recent: Recent::plan(
                chirp,
                [config.peaks.first_range_m, farthest],
                config.least_recent_snr_db,
            )?,
            motion: Box::new(Motion::plan(chirp, config.peaks.first_range_m, farthest)),
            glance: None,
            frames: 0,
        })
    }

    /// True if `frame` has the shape that was planned for.
    pub(super) fn fits(&self, frame: &RadarFrame) -> bool {
        FrameShape::of(&frame.samples) == self.shape
    }

    /// Frames come at another period than configured: slow velocities are read by it.
    pub(super) fn set_frame_period(&mut self, period: Seconds) {
        self.chirp.frame_period = period;
        self.slow.axes = MapAxes::of_micro_doppler(&self.chirp, &self.slow.config);
    }

    /// Computes the maps of one frame, taken at `now`, and says what is in them.
    pub(super) fn run(&mut self, now: Stamp<HostClock>, frame: &RadarFrame) -> RadarSummary {
        self.frames += 1;
        let fast = &mut self.fast;
        fast.kernel.run(&frame.samples, &mut fast.map);
        let [least_fast, least_slow] = self.least_snr_db;
        let moving = target(&fast.peaks.run(&fast.map), &fast.axes, least_fast);
        let slow = &mut self.slow;
        if slow.kernel.push(&frame.samples) {
            slow.kernel.run(&mut slow.map);
            slow.has_map = true;
            slow.newest = target(&slow.peaks.run(&slow.map), &slow.axes, least_slow);
        }
        self.vital.run(now, frame, slow.kernel.newest());
        let spectrum = slow.kernel.newest().unwrap_or_else(|| self.vital.spectrum());
        let is_whole = !frame.has_holes;
        let fast = moving.as_ref().map(|target| Meters(target.range_m.into()));
        let recent = if is_whole { self.recent.run(now, spectrum) } else { None };
        self.glance = Some(Glance {
            stamp: now,
            is_whole,
            targets: [fast, recent],
            motion: self.motion.run(frame, spectrum),
        });
        RadarSummary {
            frame: frame.number,
            moving,
            slow: slow.newest,
            respiration: self.vital.newest(),
            has_holes: frame.has_holes,
        }
    }

    /// The newest map of fast motion: `map[rx, range_bin, doppler_bin]`.
    pub(super) const fn map(&self) -> &Array3<f32> {
        &self.fast.map
    }

    /// What the newest frame shows, while nobody has decided with it.
    pub(super) const fn glance(&self) -> Option<&Glance> {
        self.glance.as_ref()
    }

    /// The newest map of fast motion with its axes.
    pub(super) const fn fast_map(&self) -> (&Array3<f32>, MapAxes) {
        (&self.fast.map, self.fast.axes)
    }

    /// Frames taken so far, so that a map can be told from the one before.
    pub(super) const fn frames(&self) -> u64 {
        self.frames
    }

    /// The newest map of slow motion with its axes, once there is one.
    pub(super) fn slow_map(&self) -> Option<(&Array3<f32>, MapAxes)> {
        self.slow.has_map.then_some((&self.slow.map, self.slow.axes))
    }

    /// How the chest moved that breathes there, and the time from one value to the next.
    pub(super) fn breath_trace(&self) -> (Vec<Meters>, Seconds) {
        (self.vital.trace(), self.chirp.frame_period)
    }

    /// What the newest frame shows, once.
    pub(super) const fn take_glance(&mut self) -> Option<Glance> {
        self.glance.take()
    }

    /// Whether something breathes there.
    pub(super) fn liveness(&self, now: Stamp<HostClock>) -> Liveness {
        self.vital.liveness(now)
    }

    /// Forgets earlier frames: the recording starts again.
    pub(super) fn restart(&mut self) {
        self.fast.kernel.reset();
        self.slow.kernel.reset();
        self.slow.newest = None;
        self.slow.has_map = false;
        self.vital.restart();
        self.motion.restart();
        self.recent.restart();
        self.glance = None;
    }
}

/// The strongest moving cell in units, if it stands out.
#[expect(clippy::cast_possible_truncation, reason = "f32 resolves micrometres within 16 m")]
fn target(found: &Found, axes: &MapAxes, least_snr_db: f32) -> Option<RadarTarget> {
    let place = found.moving?.place(axes);
    let snr_db = found.snr_db.filter(|&snr| snr >= least_snr_db)?;
    Some(RadarTarget {
        range_m: place.range.0 as f32,
        velocity_m_s: place.velocity.0 as f32,
        snr_db,
    })
}
