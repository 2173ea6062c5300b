//! The hot path must not touch the heap once it is planned.
#![expect(unsafe_code, reason = "a counting allocator cannot be written without it")]
#![expect(clippy::print_stdout, reason = "there is no test harness to say what passed")]
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

#[path = "it/bundle.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "shared with the other tests"
)]
mod bundle;
#[path = "it/scratch.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "shared with the other tests"
)]
mod scratch;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use candle_core::{DType, Device, Tensor};
use ndarray::{Array2, Array3, Array4};
use visaged::data::{ChirpConfig, Counts, Event, EventBatch, Geometry, RadarFrame, Samples};
use visaged::dsp::event::{
    Denoise, DenoiseConfig, FaceConfig, FaceRegion, Tbr, TimeSurface, VoxelConfig, Voxels,
};
use visaged::dsp::radar::{
    Clutter, FrameShape, MeanSpectrum, MicroDoppler, MicroDopplerConfig, ModelInput,
    ModelInputConfig, PeakConfig, Peaks, RangeDoppler, RangeDopplerConfig, RangeProfile,
    Respiration, RespirationConfig, Window,
};
use visaged::fusion::Routing;
use visaged::model::nn::ops::{Conv, ConvTransposed};
use visaged::model::nn::program::{Activation, After, Combine, Program};
use visaged::pipeline::{
    EventConfig, EventInputs, Question, RadarInputConfig, RadarNetworks, Roles,
};
use visaged::sensor::evt::{Decoder, Format, write};
use visaged::units::{Hertz, Meters, Seconds, Stamp};

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
    respiration();
    events();
    decoders();
    network();
    bundle_networks();
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

/// Twenty seconds of a plate that swings by 5 mm every 4 s, 0.3 m away.
fn respiration() {
    let chirp = ChirpConfig {
        rx_antennas: vec![1],
        chirps: 1,
        samples: 64,
        complex: true,
        start: Hertz(58e9),
        end: Hertz(63.5e9),
        sample_rate: Hertz(2e6),
        chirp_period: Seconds(591e-6),
        frame_period: Seconds(0.05),
        adc_bits: 12,
    };
    let tau = std::f64::consts::TAU;
    let frames: Vec<Samples> = (0..400_u16)
        .map(|frame| {
            let range = 0.3 + 0.0025 * (tau * 0.25 * 0.05 * f64::from(frame)).sin();
            Samples::Complex(Array3::from_shape_fn((1, 1, 64), |(.., sample)| {
                let sweep = f64::from(u8::try_from(sample).unwrap()) / 64.0;
                let turns = 2.0 * range * (58e9 + 5.5e9 * sweep) / 299_792_458.0;
                let count = |part: f64| format!("{:.0}", 1000.0 * part).parse::<i16>().unwrap();
                [count((tau * turns).cos()), count((tau * turns).sin())]
            }))
        })
        .collect();
    let mut spectrum = MeanSpectrum::plan(FrameShape::from(&chirp)).unwrap();
    let mut kernel = Respiration::plan(&chirp, &RespirationConfig::default()).unwrap();
    let mut breaths = 0;
    without_allocating("respiration", || {
        for frame in &frames {
            spectrum.run(frame);
            if kernel.push(&spectrum) {
                breaths += usize::from(kernel.run().is_ok());
            }
        }
    });
    assert!(breaths > 20, "only {breaths} breaths: the long way was not taken");
}

const GEOMETRY: Geometry = Geometry { width: 320, height: 240 };

/// A second of a busy patch, so that pixels have neighbours: a pixel each five microseconds.
fn stream() -> Vec<Event> {
    (0..200_000_i64)
        .map(|i| Event {
            t: i * 5,
            x: u16::try_from(100 + i * 7 % 60).unwrap(),
            y: u16::try_from(90 + i / 60 % 60).unwrap(),
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
    let mut decoder = Decoder::new(Format::Evt3, GEOMETRY);
    without_allocating("EVT3 decoding into a kept batch", || {
        for chunk in raw.chunks(1 << 16) {
            batch.clear();
            decoder.push(chunk, &mut batch);
        }
    });
    assert!(!batch.events.is_empty());
}

/// A compiled network with a node of each kind.
fn network() {
    let ones = |shape: &[usize]| Tensor::ones(shape, DType::F32, &Device::Cpu).unwrap();
    let small = |shape: &[usize]| (ones(shape) * 0.01).unwrap();
    let (plain, relu) = (After::default(), After::then(Activation::Relu));
    let conv = |groups| Conv { stride: 1, padding: 1, groups };
    let twice = ConvTransposed { stride: 2, padding: 1, output_padding: 1 };
    let mut b = Program::builder();
    let clip = b.input(&[1, 4, 8, 8, 3]).unwrap();
    let frames = b.reshape(clip, &[4, 8, 8, 3]).unwrap();
    let x = b.conv2d(frames, &small(&[6, 3, 3, 3]), None, conv(1), relu).unwrap();
    let x = b.conv2d(x, &small(&[6, 1, 3, 3]), None, conv(6), After::plus(x)).unwrap();
    let x = b.reshape(x, &[1, 4, 8, 8, 6]).unwrap();
    let x = b.temporal_conv(x, &small(&[6, 6, 3]), None, plain).unwrap();
    let x = b.soft_spike(x, &small(&[6]), &ones(&[6])).unwrap();
    let x = b.max_pool_time(x, 2).unwrap();
    let x = b.reshape(x, &[2, 8, 8, 6]).unwrap();
    let x = b.max_pool2d(x, 2).unwrap();
    let tokens = b.permute(x, &[0, 2, 1, 3]).unwrap();
    let tokens = b.reshape(tokens, &[2, 16, 6]).unwrap();
    let y = b.layer_norm(tokens, &ones(&[6]), &ones(&[6]), 1e-5).unwrap();
    let y = b.linear(y, &small(&[18, 6]), None, plain).unwrap();
    let y = b.attention(y, 2).unwrap();
    let y = b.reshape(y, &[2, 4, 4, 6]).unwrap();
    let y = b.concat(x, y).unwrap();
    let y = b.channels(y, 3..9).unwrap();
    let (mean, max) = (b.mean(y, 1..3).unwrap(), b.max(y, 1..3).unwrap());
    let gate = b.add(mean, max).unwrap();
    let gate = b.activation(gate, Activation::Sigmoid);
    let gate = b.reshape(gate, &[2, 1, 1, 6]).unwrap();
    let y = b.combine(Combine::Lift, y, gate).unwrap();
    let y = b.conv_transpose2d(y, &small(&[6, 2, 3, 3]), None, twice, plain).unwrap();
    let len = b.shape(y).iter().product();
    let mut program = b.finish(&[y]).unwrap();
    let (input, mut output) = (vec![0.5; 4 * 8 * 8 * 3], vec![f32::NAN; len]);
    without_allocating("a compiled network", || {
        program.run(&[&input], &mut [&mut output]).unwrap();
    });
    assert!(output.iter().all(|y| y.is_finite()), "the network computed nothing");
}

/// The networks of a bundle, from frames and events to scores.
fn bundle_networks() {
    let nets =
        [bundle::auth(), bundle::gate(), bundle::dynamic(), bundle::still(), bundle::event()];
    let roles = Roles::of(bundle::load("no-alloc", "", &nets)).unwrap();
    let Roles { auth, faces, event, inputs, .. } = roles;
    let inputs = RadarInputConfig { identity_frames: 1, ..inputs };
    let chirp = ChirpConfig::food();
    let mut radar =
        RadarNetworks::plan(&inputs, &chirp, auth.unwrap(), faces, Routing::Soft).unwrap();
    let mut counts = Counts::default();
    let mut frame = RadarFrame {
        number: 0,
        stamp: Stamp::from_micros(0),
        samples: Samples::Real(Array3::from_shape_fn((3, 64, 128), |(rx, chirp, sample)| {
            i16::try_from((rx * 7 + chirp * 31 + sample * 17) % 4096).unwrap()
        })),
        has_holes: false,
    };
    let mut answers = 0;
    without_allocating("authentication, gate and experts", || {
        for _ in 0..12 {
            let scores = radar.run(&frame, Question::IdentityAndExpression, &mut counts);
            let face = scores.and_then(|scores| scores.expression);
            answers += usize::from(face.is_some_and(|f| f.dynamic.is_some() && f.still.is_some()));
            frame.number += 1;
        }
    });
    assert!(answers == 5 + 12, "only {answers} answers");
    let events = stream();
    let mut camera = EventInputs::plan(&EventConfig::default(), GEOMETRY);
    let mut event = event.unwrap();
    let (mut start, mut windows) = (0, 0);
    without_allocating("event network", || {
        for one in &events[..120_000] {
            camera.push(Event { t: one.t + start, ..*one }, |window, voxels| {
                windows += usize::from(event.run(&window, voxels, &mut counts).is_some());
            });
        }
        start += 600_000;
    });
    assert!(windows > 5, "only {windows} windows were seen");
    assert!(counts.is_empty(), "{counts:?}");
}

/// Uses a value up.
fn drop_copy<T: Copy>(value: T) {
    std::hint::black_box(value);
}
