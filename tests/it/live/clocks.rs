//! Two clocks that drift apart: what both sensors see at once is published as at once.

use visaged::units::Micros;
use visaged_vdev::board::BoardOptions;
use visaged_vdev::serial::{Playing, SerialOptions};
use visaged_vdev::tape::round_of;
use visaged_vdev::timing::Stage;

use super::daemon::Daemon;
use super::rig;
use crate::scratch::Scratch;

/// The clocks are known well from here on, microseconds after the start.
const SETTLED_US: i64 = 10_000_000;
const END_US: i64 = 14_000_000;
/// What 99 of 100 stamps must keep.
const NEAR_US: i64 = 1_000;
/// How far apart the sensors may put what happens at once.
const PAIRED_US: i64 = 5_000;
/// The scene's frames and the windows of the camera, microseconds.
const FRAME_US: i64 = 50_000;
const HOP_US: i64 = 100_000;

#[test]
fn clocks_that_drift_200_ppm_either_way_are_mapped_within_a_millisecond() {
    let folder = Scratch::new("live-clocks");
    let stage = Stage::new(2, 1.0);
    let drifting = |clock_offset, drift_ppm| BoardOptions {
        clock_offset,
        drift_ppm,
        ..BoardOptions::default()
    };
    let [day, hour] = [86_400_000, 3_600_000].map(Micros::from_millis);
    let round = Some(round_of(&[&rig::scene("radar"), &rig::scene("event.raw")]).unwrap());
    let camera_ppm = -200.0;
    let boards = [
        ("radar", rig::radar(&stage, round, drifting(day, 200.0))),
        ("camera", rig::camera(&stage, round, drifting(hour, camera_ppm))),
    ];
    let mut tables = String::new();
    let mut playing = Vec::new();
    for (name, board) in boards {
        let link = folder.path().join(name);
        tables += &rig::table(name, &link, &board);
        playing.push(Playing::start(board, SerialOptions::at(link)).unwrap());
    }
    let mut daemon = Daemon::start(folder.path(), &tables);
    let (mut radar_errors, mut event_errors) = (Vec::new(), Vec::new());
    daemon.wait_for("the end of the measurement", |said| {
        let start = stage.start()?.as_micros();
        let since = said.recorded_us() - start;
        let settled = (SETTLED_US..END_US).contains(&since);
        if said.is_of("radar") && settled {
            let truth = said.payload["frame"].as_i64().unwrap() * FRAME_US;
            radar_errors.push((since, since - truth));
        }
        if said.is_of("event") && settled {
            event_errors.push((since, since - nearest_window(since, camera_ppm)));
        }
        (since >= END_US).then_some(())
    });
    assert!(radar_errors.len() >= 60 && event_errors.len() >= 30, "too little was said");
    for (sensor, errors) in [("radar", &radar_errors), ("camera", &event_errors)] {
        let mut sizes: Vec<_> = errors.iter().map(|(_, error)| error.abs()).collect();
        sizes.sort_unstable();
        let p99 = sizes[sizes.len() * 99 / 100];
        assert!(p99 <= NEAR_US, "{sensor}: p99 of the error is {p99} us");
    }
    for &(window, window_error) in &event_errors {
        let &(_, frame_error) =
            radar_errors.iter().min_by_key(|(frame, _)| frame.abs_diff(window)).unwrap();
        let apart = (window_error - frame_error).abs();
        assert!(apart <= PAIRED_US, "{apart} us apart");
    }
    drop(daemon);
    for device in playing {
        device.stop().unwrap();
    }
}

/// When the window that ends near `since` really ends: windows are cut on the camera's clock, at
/// multiples of the hop from its first event on.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "seconds")]
fn nearest_window(since: i64, ppm: f64) -> i64 {
    let hop = HOP_US as f64 / (1.0 + ppm * 1e-6);
    ((since as f64 / hop).round() * hop) as i64
}
