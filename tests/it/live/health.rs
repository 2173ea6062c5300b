//! A sensor that falls silent or is unplugged is told in time, and when it is back.

use visaged::daemon::clock;
use visaged::units::{HostClock, Micros, Stamp};
use visaged_vdev::board::BoardOptions;
use visaged_vdev::serial::{Accident, Playing, SerialOptions};
use visaged_vdev::timing::Stage;

use super::daemon::{Daemon, Said};
use super::rig;
use crate::scratch::Scratch;

/// A loss must be told within this, microseconds.
const TOLD_US: i64 = 500_000;
/// A sensor that is plugged in again must stream within this.
const BACK_US: i64 = 3_000_000;
/// How often the daemon's cable is pulled.
const PULLS: usize = 6;

fn is(said: &Said, state: &str, trouble: Option<&str>) -> bool {
    said.health("radar") == Some((state.to_owned(), trouble.map(str::to_owned)))
}

/// Waits for the radar's next message.
fn frame(daemon: &mut Daemon) -> Said {
    daemon.wait_for("a radar frame", |said| said.is_of("radar").then(|| said.clone()))
}

#[test]
fn silence_is_told_within_half_a_second_and_the_sensor_is_well_when_it_speaks_again() {
    let folder = Scratch::new("live-silence");
    let link = folder.path().join("radar");
    let board = rig::radar(&Stage::new(1, 1.0), None, BoardOptions::default());
    let tables = rig::table("radar", &link, &board);
    let every = Micros::from_millis(2_500);
    let stall = Some(Accident { every, lasting: Micros::from_millis(1_200) });
    let device = Playing::start(board, SerialOptions { stall, ..SerialOptions::at(link) }).unwrap();
    let mut daemon = Daemon::start(folder.path(), &tables);
    frame(&mut daemon);
    let mut newest = None;
    let silent = daemon.wait_for("`silent`", |said| {
        if said.is_of("radar") {
            newest = Some(said.published_us());
        }
        is(said, "lost", Some("silent")).then(|| said.published_us())
    });
    let heard = newest.expect("it streamed before");
    assert!(silent - heard <= TOLD_US, "told after {} us", silent - heard);
    daemon.wait_for("the radar's recovery", |said| is(said, "streaming", None).then_some(()));
    drop(daemon);
    device.stop().unwrap();
}

#[test]
fn a_pulled_plug_is_told_within_half_a_second_and_frames_come_within_three_of_its_return() {
    let folder = Scratch::new("live-plug");
    let link = folder.path().join("radar");
    let plug = || {
        let board = rig::radar(&Stage::new(1, 1.0), None, BoardOptions::default());
        let table = rig::table("radar", &link, &board);
        (Playing::start(board, SerialOptions::at(link.clone())).unwrap(), table)
    };
    let (mut device, tables) = plug();
    let mut daemon = Daemon::start(folder.path(), &tables);
    let mut footprints = Vec::new();
    for _ in 0..PULLS {
        frame(&mut daemon);
        footprints.push(daemon.footprint());
        let pulled = clock::now();
        device.stop().unwrap();
        let told = daemon.wait_for("`absent`", |said| {
            is(said, "lost", Some("absent")).then(|| said.published_us())
        });
        assert!(since(pulled, told) <= TOLD_US, "told after {} us", since(pulled, told));
        let returned = clock::now();
        (device, _) = plug();
        // Frames from before the loss may still be on their way.
        let first = daemon.wait_for("a frame of the new boot", |said| {
            let new = said.is_of("radar") && said.recorded_us() > returned.as_micros();
            new.then(|| said.published_us())
        });
        assert!(since(returned, first) <= BACK_US, "back after {} us", since(returned, first));
    }
    drop(daemon);
    device.stop().unwrap();
    let [(descriptors, _), .., (at_the_end, _)] = footprints[..] else { panic!() };
    assert_eq!(descriptors, at_the_end, "{footprints:?}");
}

fn since(start: Stamp<HostClock>, published_us: i64) -> i64 {
    published_us - start.as_micros()
}
