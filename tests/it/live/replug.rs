//! A thousand times unplugged and plugged in again: nothing is left behind.

use std::process::Command;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use visaged::daemon::Stop;
use visaged::data::Reading;
use visaged::sensor::Sensor;
use visaged_vdev::board::BoardOptions;
use visaged_vdev::serial::run_unpaced;
use visaged_vdev::timing::Stage;

use super::daemon::footprint;
use super::rig::{self, Thread};
use crate::scratch::Scratch;

const CYCLES: usize = 1_000;
/// Until then caches and pools fill.
const WARM: usize = 100;
/// What memory may move by.
const SLACK: usize = 2 << 20;
/// Set in the process that does the work.
const ALONE: &str = "VISAGED_TEST_ALONE";
/// More reads than any cycle needs, each of 50 ms at most.
const MOST_READS: usize = 200;

/// Descriptors and memory are a whole process's, so the work is done in one that does nothing else:
/// this test binary once more, with this test alone.
#[test]
fn a_thousand_replugs_leave_no_descriptor_and_no_memory_behind() {
    if std::env::var_os(ALONE).is_some() {
        return replug();
    }
    let name = "live::replug::a_thousand_replugs_leave_no_descriptor_and_no_memory_behind";
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "it did not run: {said}");
}

fn replug() {
    let folder = Scratch::new("live-replug");
    let link = folder.path().join("radar");
    let mut board = rig::radar(
        &Stage::new(1, 1.0),
        Some(visaged_vdev::tape::round_of(&[&rig::scene("radar")]).unwrap()),
        BoardOptions::default(),
    );
    let mut sensor = rig::reader(&link, &board);
    let (plug, plugged) = sync_channel::<Stop>(0);
    let (tell, told): (SyncSender<()>, Receiver<()>) = sync_channel(0);
    let device = Thread::start(move |_| {
        // Plugged in until each cycle's own switch is thrown.
        for cable in plugged {
            run_unpaced(&mut board, &link, &cable, || tell.send(()).unwrap()).unwrap();
            tell.send(()).unwrap();
        }
        board.tally()
    });
    let mut before = (0, 0);
    for cycle in 0..CYCLES {
        let cable = Stop::default();
        plug.send(cable.clone()).unwrap();
        told.recv().unwrap();
        let came = (0..MOST_READS).any(|_| is_frame(sensor.as_mut()));
        assert!(came, "cycle {cycle}: no frame; {:?}", sensor.counts());
        cable.throw();
        told.recv().unwrap();
        let gone = (0..MOST_READS).any(|_| sensor.read().is_err());
        assert!(gone, "cycle {cycle}: the pulled plug was not noticed");
        if cycle == WARM {
            before = footprint("self");
        }
    }
    let after = footprint("self");
    drop(plug);
    let tally = device.stop();
    assert!(tally.frames >= CYCLES as u64, "{tally:?}");
    assert_eq!(before.0, after.0, "descriptors");
    assert!(before.1.abs_diff(after.1) <= SLACK, "memory went from {} to {}", before.1, after.1);
}

/// Reads once; a port that is not there yet is one to be tried again.
fn is_frame(sensor: &mut dyn Sensor) -> bool {
    matches!(sensor.read(), Ok(Some(Reading::Radar(_))))
}
