//! Simulated devices: clocks that drift, cables that delay, boots in between.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "simulated times and counts are small and positive"
)]

use proptest::prelude::*;

use super::*;
use crate::units::{EventClock, RadarClock};

/// Constant part of the delay, the same on both ways, microseconds.
const MINIMUM_LATENCY: f64 = 200.0;
/// How long a device thinks before it answers, microseconds.
const TURN_ROUND: f64 = 60.0;
const FRAME_PERIOD: f64 = 50_000.0;
const SECOND: f64 = 1e6;

/// Uniform and exponential numbers by `SplitMix64`, as in [`Schedule`].
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.uniform()).ln()
    }
}

/// A device that boots at host time `boot` and sends a frame every 50 ms.
#[derive(Clone, Copy)]
struct Device {
    seed: u64,
    boot: f64,
    zero: i64,
    drift: f64,
    /// Mean of the exponential part of the delay to the device and from it, microseconds.
    jitter: (f64, f64),
    answers: bool,
    streams: bool,
}

const DEVICE: Device = Device {
    seed: 1,
    boot: 77e6,
    zero: 12_345,
    drift: 200e-6,
    jitter: (5_000.0, 5_000.0),
    answers: true,
    streams: true,
};

enum Heard<C: Copy> {
    Answer(Exchange<C>),
    Frame { sent: Stamp<C>, truth: f64 },
}

impl Device {
    /// What its clock shows at host time `host`.
    fn clock<C>(&self, host: f64) -> Stamp<C> {
        Stamp::from_micros(self.zero + ((host - self.boot) * (1.0 + self.drift)).round() as i64)
    }

    /// Everything the host hears in the first `seconds`, in order, with the host time of each.
    fn run<C: Copy>(&self, seconds: f64) -> Vec<(f64, Heard<C>)> {
        // Not the seed of the schedule: delays must not depend on periods.
        let mut random = Random(!self.seed);
        let mut heard = Vec::new();
        let mut schedule = Schedule::new(self.seed);
        let mut asked = self.boot + 0.3 * SECOND;
        while self.answers && asked < self.boot + seconds * SECOND {
            let host_sent = Stamp::from_micros(asked as i64);
            let received = asked + MINIMUM_LATENCY + random.exponential(self.jitter.0);
            let sent = received + TURN_ROUND;
            let back = sent + MINIMUM_LATENCY + random.exponential(self.jitter.1);
            let exchange = Exchange {
                host_sent,
                device_received: self.clock(received),
                device_sent: self.clock(sent),
                host_received: Stamp::from_micros(back as i64),
            };
            heard.push((back, Heard::Answer(exchange)));
            schedule.sent(host_sent);
            asked = schedule.next_due(host_sent).as_micros() as f64;
        }
        let mut arrival = self.boot;
        for frame in 0..(seconds * SECOND / FRAME_PERIOD) as u32 {
            let truth = self.boot + 0.2 * SECOND + f64::from(frame) * FRAME_PERIOD;
            // A cable does not reorder.
            arrival = (truth + MINIMUM_LATENCY + random.exponential(self.jitter.1)).max(arrival);
            heard.push((arrival, Heard::Frame { sent: self.clock(truth), truth }));
        }
        heard.sort_by(|a, b| a.0.total_cmp(&b.0));
        heard
    }

    /// Mapped minus true time of each frame from the tenth second on, microseconds.
    fn errors<C: Copy>(&self, clock: &mut ClockFit<C>, seconds: f64) -> Vec<f64> {
        let mut errors = Vec::new();
        let mut last = Stamp::from_micros(i64::MIN);
        for (received, heard) in self.run::<C>(seconds) {
            match heard {
                Heard::Answer(exchange) => {
                    assert_ne!(clock.exchange(&exchange), Verdict::Impossible);
                }
                Heard::Frame { sent, truth } => {
                    if self.streams {
                        clock.arrival(sent, Stamp::from_micros(received as i64));
                    }
                    let Some(mapped) = clock.map(sent) else { continue };
                    assert!(mapped >= last, "{mapped:?} after {last:?}");
                    last = mapped;
                    if truth - self.boot >= 10.0 * SECOND {
                        errors.push(mapped.as_micros() as f64 - truth);
                    }
                }
            }
        }
        errors
    }
}

/// Quantile of the sizes of `errors`.
fn quantile(errors: &[f64], share: f64) -> f64 {
    let mut sizes: Vec<_> = errors.iter().map(|error| error.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    sizes[((sizes.len() - 1) as f64 * share) as usize]
}

/// Errors after 10 s of each boot over many devices of either drift, each booting once in the
/// middle with another counter value.
fn errors_of_two_boots(device: Device, seconds: f64, known_bias: f64) -> Vec<f64> {
    let mut errors = Vec::new();
    for seed in 0..100 {
        for drift in [-device.drift, device.drift] {
            let mut clock = ClockFit::<RadarClock>::new();
            let first = Device { seed, drift, ..device };
            errors.extend(first.errors(&mut clock, seconds));
            clock.restart();
            let boot = first.boot + seconds * SECOND;
            let second = Device { seed: seed + 1_000, boot, zero: 3, ..first };
            errors.extend(second.errors(&mut clock, seconds));
            assert_eq!(clock.rejected, 0, "a slow exchange is not a wrong one");
        }
    }
    errors.iter().map(|error| error - known_bias).collect()
}

/// The 99th percentile of the error between 10 s and 40 s after a boot, microseconds.
fn p99(device: Device) -> f64 {
    let bias = if device.answers { 0.0 } else { MINIMUM_LATENCY };
    quantile(&errors_of_two_boots(device, 40.0, bias), 0.99)
}

#[test]
fn a_streaming_device_that_answers_is_within_a_millisecond_under_5_ms_of_mean_jitter() {
    let p99 = p99(DEVICE);
    assert!(p99 < 1_000.0, "{p99} us");
}

#[test]
fn ways_of_different_jitter_do_not_move_it_out_of_a_millisecond() {
    let p99 = p99(Device { jitter: (5_000.0, 1_000.0), ..DEVICE });
    assert!(p99 < 1_000.0, "{p99} us");
}

#[test]
fn exchanges_alone_are_within_a_millisecond_if_jitter_stays_below_5_ms_in_99_of_100() {
    // An exponential delay exceeds ln(100) = 4.6 times its mean once in a hundred.
    let jitter = 5_000.0 / 100_f64.ln();
    let p99 = p99(Device { jitter: (jitter, jitter), streams: false, ..DEVICE });
    assert!(p99 < 1_000.0, "{p99} us");
}

#[test]
fn exchanges_alone_under_5_ms_of_mean_jitter_reach_two_and_a_half_milliseconds() {
    let p99 = p99(Device { streams: false, ..DEVICE });
    assert!(p99 < 2_500.0, "{p99} us");
}

#[test]
fn arrivals_alone_are_late_by_the_minimum_latency_and_within_a_millisecond_of_that() {
    let p99 = p99(Device { answers: false, ..DEVICE });
    assert!(p99 < 1_000.0, "{p99} us");
}

#[test]
fn messages_that_waited_300_ms_for_the_host_to_start_move_nothing() {
    let mut clock = ClockFit::<EventClock>::new();
    for frame in 0..200_i64 {
        let sent = frame * 50_000;
        let received = (sent + 200).max(300_000);
        clock.arrival(Stamp::from_micros(sent), Stamp::from_micros(received));
    }
    assert_eq!(clock.map(Stamp::from_micros(10_000_000)), Some(Stamp::from_micros(10_000_200)));
}

#[test]
fn windows_of_two_sensors_with_different_clocks_pair_within_5_ms() {
    for seed in 0..50 {
        let radar = Device { seed, ..DEVICE };
        let camera = Device {
            seed: seed + 500,
            drift: -200e-6,
            zero: -88_000_000,
            answers: false,
            ..DEVICE
        };
        let radar = radar.errors(&mut ClockFit::<RadarClock>::new(), 30.0);
        let camera = camera.errors(&mut ClockFit::<EventClock>::new(), 30.0);
        // Both send at the same true instants, so the difference of the errors is that of the
        // mapped windows.
        assert_eq!(radar.len(), camera.len());
        let apart: Vec<_> = radar.iter().zip(&camera).map(|(a, b)| a - b).collect();
        assert!(quantile(&apart, 1.0) < 5_000.0, "seed {seed}: {} us", quantile(&apart, 1.0));
    }
}

#[test]
fn drift_is_measured_to_a_few_parts_per_million_in_a_minute() {
    let mut clock = ClockFit::<RadarClock>::new();
    DEVICE.errors(&mut clock, 60.0);
    let status = clock.status(Stamp::from_micros(137_000_000));
    let drift = status.drift_ppm.unwrap();
    // The hull's edge in 60 s hangs on points within about 5 ms / 1200 * a few of the line:
    // 0.05 ms over half the window is 2 ppm.
    assert!((drift - 200.0).abs() < 6.0, "{status:?}");
    assert_eq!(status.state, ClockState::Locked);
    assert_eq!(status.basis, Some(Basis::Exchanges));
}

/// An exchange without delays at host time `host`, of a device `ahead` microseconds ahead.
fn exchange(host: i64, ahead: i64) -> Exchange<RadarClock> {
    Exchange {
        host_sent: Stamp::from_micros(host - 150),
        device_received: Stamp::from_micros(host + ahead),
        device_sent: Stamp::from_micros(host + ahead),
        host_received: Stamp::from_micros(host + 150),
    }
}

#[test]
fn four_exchanges_lock_and_ten_silent_seconds_are_holdover() {
    let mut clock = ClockFit::<RadarClock>::new();
    for round in 0..4 {
        assert_eq!(clock.map(Stamp::from_micros(0)), None);
        let status = clock.status(Stamp::from_micros(0));
        assert_eq!((status.state, status.offset_us), (ClockState::Unsynced, None));
        clock.exchange(&exchange(round * 100_000, 7_000_000));
    }
    assert_eq!(clock.map(Stamp::from_micros(7_500_000)), Some(Stamp::from_micros(500_000)));
    assert_eq!(clock.status(Stamp::from_micros(10_300_000)).state, ClockState::Locked);
    assert_eq!(clock.status(Stamp::from_micros(10_300_151)).state, ClockState::Holdover);
    assert_eq!(clock.map(Stamp::from_micros(27_500_000)), Some(Stamp::from_micros(20_500_000)));
}

#[test]
fn one_wrong_exchange_is_left_out_and_five_in_a_row_are_a_new_truth() {
    let mut clock = ClockFit::<RadarClock>::new();
    for round in 0..10 {
        assert_eq!(clock.exchange(&exchange(round * 1_000_000, 0)), Verdict::Used);
    }
    assert_eq!(clock.exchange(&exchange(10_000_000, 90_000)), Verdict::Outlier);
    assert_eq!(clock.status(Stamp::from_micros(0)).offset_us, Some(0));
    assert_eq!(clock.exchange(&exchange(11_000_000, 0)), Verdict::Used);
    let verdicts: Vec<_> =
        (12..20).map(|s| clock.exchange(&exchange(s * 1_000_000, 90_000))).collect();
    assert_eq!(verdicts[..4], [Verdict::Outlier; 4]);
    assert_eq!(verdicts[4..], [Verdict::Used; 4]);
    assert_eq!(clock.status(Stamp::from_micros(0)).offset_us, Some(90_000));
}

#[test]
fn an_rc_oscillator_one_percent_off_locks_too() {
    let mut clock = ClockFit::<RadarClock>::new();
    let device = Device { drift: 0.01, jitter: (300.0, 300.0), ..DEVICE };
    let errors = device.errors(&mut clock, 40.0);
    assert!(quantile(&errors, 0.99) < 1_000.0, "{} us", quantile(&errors, 0.99));
}

#[test]
fn the_status_is_plain_data() {
    let mut clock = ClockFit::<RadarClock>::new();
    for round in 0..4 {
        clock.exchange(&exchange(round * 100_000, 50));
    }
    let status = serde_json::to_value(clock.status(Stamp::from_micros(400_000))).unwrap();
    assert_eq!(status["state"], "locked");
    assert_eq!(status["basis"], "exchanges");
    assert_eq!(status["round_trip_us"], 300);
}

#[derive(Debug, Clone)]
enum Act {
    Exchange([i64; 4]),
    Arrival(i64, i64),
    Map(i64),
    Restart,
}

/// Stamps from all over the scale, and close ones that make fits.
fn stamp() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), 0_i64..100_000_000, Just(i64::MIN), Just(i64::MAX)]
}

fn act() -> impl Strategy<Value = Act> {
    let near = (0_i64..90_000_000, -9_000_i64..9_000, 0_i64..9_000)
        .prop_map(|(t, offset, trip)| Act::Exchange([t, t + offset, t + offset, t + trip]));
    prop_oneof![
        4 => near,
        1 => [stamp(), stamp(), stamp(), stamp()].prop_map(Act::Exchange),
        4 => (stamp(), stamp()).prop_map(|(sent, received)| Act::Arrival(sent, received)),
        4 => stamp().prop_map(Act::Map),
        1 => Just(Act::Restart),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_mapped_stamps_do_not_run_backwards_within_a_boot(
        acts in prop::collection::vec(act(), 0..150),
    ) {
        let mut clock = ClockFit::<RadarClock>::new();
        let mut last = Stamp::from_micros(i64::MIN);
        for act in acts {
            match act {
                Act::Exchange([a, b, c, d]) => {
                    clock.exchange(&Exchange {
                        host_sent: Stamp::from_micros(a),
                        device_received: Stamp::from_micros(b),
                        device_sent: Stamp::from_micros(c),
                        host_received: Stamp::from_micros(d),
                    });
                }
                Act::Arrival(sent, received) => {
                    clock.arrival(Stamp::from_micros(sent), Stamp::from_micros(received));
                }
                Act::Map(device) => {
                    if let Some(mapped) = clock.map(Stamp::from_micros(device)) {
                        prop_assert!(mapped >= last, "{:?} after {:?}", mapped, last);
                        last = mapped;
                    }
                }
                Act::Restart => {
                    clock.restart();
                    last = Stamp::from_micros(i64::MIN);
                }
            }
            let status = clock.status(last);
            prop_assert!(status.drift_ppm.is_none_or(f64::is_finite));
        }
    }
}

/// The start on a busy machine: every answer of the quick rounds is read 60 ms late, and later every
/// second one.
#[test]
fn one_quick_round_corrects_a_start_at_which_all_answers_were_late() {
    let mut clock = ClockFit::<RadarClock>::new();
    let ask = |clock: &mut ClockFit<RadarClock>, host: i64, late: i64| {
        let device = host + 5_000_000; // the truth
        clock.exchange(&Exchange {
            host_sent: Stamp::from_micros(host),
            device_received: Stamp::from_micros(device + 400),
            device_sent: Stamp::from_micros(device + 450),
            host_received: Stamp::from_micros(host + 900 + late),
        })
    };
    for n in 0..8 {
        ask(&mut clock, n * 100_000, 60_000 + n * 10);
    }
    let offset = |clock: &ClockFit<RadarClock>, host: i64| {
        clock.status(Stamp::from_micros(host)).offset_us.unwrap()
    };
    assert!((offset(&clock, 800_000) - 5_000_000).abs() > 25_000, "the start was meant to mislead");
    for n in 1..12 {
        ask(&mut clock, n * 1_000_000, 60_000 * (n % 2));
    }
    let error = offset(&clock, 12_000_000) - 5_000_000;
    assert!(error.abs() < 1_000, "off by {error} us");
}
