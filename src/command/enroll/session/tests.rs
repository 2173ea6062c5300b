//! Sessions that were recorded well, and those that were not.

use ndarray::Array3;

use super::super::testing::Folder;
use super::*;
use crate::data::{ChirpConfig, Epoch, Loss as SensorLoss, RadarFrame, Samples, Source};
use crate::recording::{LAYOUT, Loss, Opening, Packed, Writer};
use crate::units::Stamp;

/// Unix time minus the host's, microseconds.
const UNIX: i64 = 1_000_000_000;
const SECOND: i64 = 1_000_000;

fn frame(stamp: i64, arrival: i64) -> Input {
    let samples = Samples::Real(Array3::zeros((1, 1, 1)));
    let stamp = Stamp::from_micros(stamp);
    let reading = Reading::Radar(RadarFrame { number: 0, stamp, samples, has_holes: false });
    Input::Reading { source: 0, reading, arrival: Some(Stamp::from_micros(arrival)) }
}

/// The frames of 10 s whose first chirp was at 5 s of the host's clock, a label from 7 s to 9 s, and
/// `more` behind them.
fn record(folder: &Folder, more: Vec<(i64, Packed)>) -> Result<Session, String> {
    let view = View::Radar(ChirpConfig::food());
    let source = Source { name: "radar".into(), view, epoch: Epoch::Live };
    let opening = Opening {
        layout: LAYOUT,
        version: "0".into(),
        boot_id: "boot".into(),
        part: 0,
        sources: vec![source],
        config: String::new(),
        folder: String::new(),
        bundle: None,
        unix_offset_us: UNIX,
    };
    let mut writer = Writer::start(Vec::new(), &opening, UNIX).unwrap();
    let takes = 64 * 392;
    for number in 0..100 {
        let at = 5 * SECOND + i64::try_from(number).unwrap() * SECOND / 10;
        let input = frame(at - 3 * SECOND, at + takes);
        writer.write(&Packed::input(number, &input, UNIX + at + takes)).unwrap();
    }
    let (cue_us, release_us) = (7 * SECOND, 9 * SECOND);
    let label = Label { expression: ExpressionLabel::Shock, cue_us, release_us };
    writer.write(&Packed::label(&label, UNIX + 10 * SECOND)).unwrap();
    for (_, packed) in more {
        writer.write(&packed).unwrap();
    }
    fs::write(folder.0.join("session.mcap"), writer.finish().unwrap()).unwrap();
    review(&folder.0, 1)
}

#[test]
fn poses_count_from_the_first_frame_and_people_react_a_second_late() {
    let folder = Folder::new("session-good");
    let session = record(&folder, vec![]).unwrap();
    let [pose] = session.poses[..] else { panic!("{:?}", session.poses) };
    assert_eq!(pose.expression, ExpressionLabel::Shock);
    let times = [pose.onset, pose.apex, pose.offset, pose.end].map(|at| at.0 / SECOND);
    assert_eq!(times, [2, 3, 4, 5]);
    assert_eq!((session.radar, session.camera), (Some(0), None));
    assert_eq!(session.began, UNIX + 5 * SECOND + 64 * 392);
    assert!((9 * SECOND..10 * SECOND).contains(&session.length.0), "{:?}", session.length);
}

#[test]
fn a_session_that_lost_a_sensor_or_entries_is_not_used() {
    let now = UNIX + 15 * SECOND;
    let input = |number, input| (0, Packed::input(number, &input, now));
    let lost = Input::Lost { source: 0, loss: SensorLoss::Absent, now: Stamp::from_micros(0) };
    let restarted = Input::Reading {
        source: 0,
        reading: Reading::Notice(Notice::Restarted),
        arrival: Some(Stamp::from_micros(0)),
    };
    let loss = Loss { reason: "record-queue-full".to_owned(), entries: 3 };
    for (more, expected) in [
        (input(100, lost), "sensor `radar` was lost"),
        (input(100, restarted), "sensor `radar` has started anew"),
        (input(101, frame(0, 0)), "entries are missing"),
        ((0, Packed::loss(&loss, now)), "3 entries could not be recorded (record-queue-full)"),
    ] {
        let folder = Folder::new("session-bad");
        let problem = record(&folder, vec![more]).unwrap_err();
        assert!(problem.contains(expected), "{problem}");
    }
}

#[test]
fn a_cut_file_a_second_file_and_no_file_are_told_apart() {
    let folder = Folder::new("session-files");
    assert!(review(&folder.0, 0).unwrap_err().contains("nothing was recorded"));
    record(&folder, vec![]).unwrap();
    assert!(review(&folder.0, 2).unwrap_err().contains("2 poses were shown, 1 are recorded"));
    let path = folder.0.join("session.mcap");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 200]).unwrap();
    let problem = review(&folder.0, 1).unwrap_err();
    assert!(problem.contains("cut") || problem.contains("recorded"), "{problem}");
    fs::write(folder.0.join("more.mcap"), &bytes).unwrap();
    assert!(review(&folder.0, 1).unwrap_err().contains("2 files"));
}
