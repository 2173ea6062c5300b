//! The hot path must not touch the heap once it is planned.
#![expect(unsafe_code, reason = "a counting allocator cannot be written without it")]
#![expect(clippy::print_stdout, reason = "there is no test harness to say what passed")]
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use ndarray::{Array2, Array3, Array4};
use visaged::data::{Event, EventBatch, Geometry, Samples};
use visaged::dsp::event::{
    Denoise, DenoiseConfig, FaceConfig, FaceRegion, Tbr, TimeSurface, VoxelConfig, Voxels,
};
use visaged::dsp::radar::{
    Clutter, FrameShape, MicroDoppler, MicroDopplerConfig, ModelInput, ModelInputConfig,
    PeakConfig, Peaks, RangeDoppler, RangeDopplerConfig, RangeProfile, Window,
};
use visaged::sensor::evt::{Decoder, Format, write};
use visaged::units::Meters;

struct Counting;

static TAKEN: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on unchanged to the system allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        TAKEN.fetch_add(1, Relaxed);
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: `ptr` came from `System.alloc` above.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static HEAP: Counting = Counting;

fn main() {
    radar();
    events();
    decoders();
    println!("test result: ok. the hot path does not allocate");
}

/// Runs `work` twice and fails if the second run takes memory: the first may fill lazy tables.
fn without_allocating(what: &str, mut work: impl FnMut()) {
    work();
    let before = TAKEN.load(Relaxed);
    work();
    assert_eq!(TAKEN.load(Relaxed) - before, 0, "{what} allocated");
    println!("no allocation: {what}");
}

/// All radar kernels on one frame of the FOOD shape.
fn radar() {
    let samples = Samples::Real(Array3::from_shape_fn((3, 64, 128), |(rx, chirp, sample)| {
        i16::try_from((rx * 7 + chirp * 31 + sample * 17) % 4096).unwrap()
    }));
    let shape = FrameShape::of(&samples);
    for clutter in [Clutter::MeanOverChirps, Clutter::Keep, Clutter::Mti { alpha: 0.8 }] {
        let config = RangeDopplerConfig { clutter, ..RangeDopplerConfig::default() };
        let mut kernel = RangeDoppler::plan(shape, &config).unwrap();
        let mut map = Array3::zeros(kernel.map_shape());
        without_allocating("range-Doppler", || kernel.run(&samples, &mut map));
        let mut peaks = Peaks::plan(map.dim(), Meters(0.15), PeakConfig::default()).unwrap();
        without_allocating("peaks", || drop_copy(peaks.run(&map)));
        let network = ModelInputConfig::fooder();
        let mut kernel = ModelInput::plan(map.dim(), Meters(0.15), &network).unwrap();
        let mut input = Array2::zeros((64, 64));
        without_allocating("network input", || kernel.run(&map, &mut input));
    }
    for config in [MicroDopplerConfig::default(), MicroDopplerConfig::fooder()] {
        let mut kernel = MicroDoppler::plan(shape, &config).unwrap();
        let mut map = Array3::zeros(kernel.map_shape());
        without_allocating("micro-range-Doppler", || {
            for _ in 0..70 {
                if kernel.push(&samples) {
                    kernel.run(&mut map);
                }
            }
        });
    }
    let mut kernel = RangeProfile::plan(shape, Window::default()).unwrap();
    let mut profile = Array2::zeros(kernel.profile_shape());
    without_allocating("range profile", || kernel.run(&samples, &mut profile));
}

const GEOMETRY: Geometry = Geometry { width: 320, height: 240 };

/// A second of a busy scene: a pixel each five microseconds.
fn stream() -> Vec<Event> {
    (0..200_000_i64)
        .map(|i| Event {
            t: i * 5,
            x: u16::try_from((i * 7 + i / 90) % 320).unwrap(),
            y: u16::try_from((i * 3) % 240).unwrap(),
            on: i % 3 == 0,
        })
        .collect()
}

/// All event kernels on one second, later seconds following on.
fn events() {
    let events = stream();
    let config = DenoiseConfig { refractory_us: 10, ..DenoiseConfig::default() };
    let mut denoise = Denoise::plan(&config, GEOMETRY);
    let mut face = FaceRegion::plan(&FaceConfig::default(), GEOMETRY);
    let mut voxels = Voxels::plan(&VoxelConfig::default());
    let mut tensor = Array4::zeros(Voxels::SHAPE);
    let mut tbr = Tbr::plan(10_000, GEOMETRY);
    let mut frame = Array2::zeros((240, 320));
    let mut surface_of = TimeSurface::plan(30_000, GEOMETRY);
    let mut surface = Array3::zeros((2, 240, 320));
    let mut start = 0;
    let mut windows = 0;
    without_allocating("filters, face region, voxels, TBR and time surface", || {
        for event in &events {
            let event = Event { t: event.t + start, ..*event };
            if denoise.keeps(event) {
                while voxels.run(event.t, face.sighting().region, &mut tensor).is_some() {
                    windows += 1;
                }
                face.push(event);
                voxels.push(event);
            }
            tbr.push(event);
            surface_of.push(event);
        }
        start += 1_000_000;
        tbr.run(start, &mut frame);
        surface_of.run(start, &mut surface);
    });
    assert!(windows > 5, "only {windows} windows were cut");
}

/// A decoder into a batch that is used again.
fn decoders() {
    let raw = write::raw(GEOMETRY, &stream()).unwrap();
    let mut batch = EventBatch::default();
    without_allocating("EVT3 decoding into a kept batch", || {
        let mut decoder = Decoder::new(Format::Evt3, GEOMETRY);
        for chunk in raw.chunks(1 << 16) {
            batch.clear();
            decoder.push(chunk, &mut batch);
        }
    });
    assert!(!batch.events.is_empty());
}

/// Uses a value up.
fn drop_copy<T: Copy>(value: T) {
    std::hint::black_box(value);
}
