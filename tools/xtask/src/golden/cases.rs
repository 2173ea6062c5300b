//! The golden cases: scenes, formats and faults, each with what it must at least show.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use visaged::data::{Counts, Event, Input, Loss};

use super::live::{CAMERA, Log, RADAR};
use super::scene::{Format, Scene, flip, write};
use super::story::{self, Story};

/// One case.
pub(super) struct Case {
    /// Its file is `tests/golden/scenes/<name>.txt`.
    pub(super) name: &'static str,
    /// What it is about.
    pub(super) about: &'static str,
    pub(super) story: fn(&Scene, &Path) -> Result<Story>,
    /// Facts and how often they must occur at least: a case that shows nothing proves nothing.
    pub(super) least: &'static [(&'static str, u64)],
}

/// Bytes of headers that stay as they are when a file is damaged.
const HEADER: usize = 128;
const SECOND: i64 = 1_000_000;

const BOTH: &[(&str, u64)] = &[
    ("message radar", 290),
    ("message identity", 290),
    ("message event", 140),
    ("message status", 14),
];

/// All of them.
pub(super) const CASES: &[Case] = &[
    // ---- Scenes and formats ----
    Case {
        name: "demo",
        about: "the shipped scene: nobody, a visitor who sits and poses, nobody",
        story: |scene, _| Ok(once(vec![scene.radar(), scene.camera()])),
        least: BOTH,
    },
    Case {
        name: "radar-alone",
        about: "no camera",
        story: |scene, _| Ok(once(vec![scene.radar()])),
        least: &[("message radar", 300), ("message identity", 300), ("sensor infineon", 1)],
    },
    Case {
        name: "camera-alone",
        about: "no radar: identity is still said",
        story: |scene, _| Ok(once(vec![scene.camera()])),
        least: &[("message event", 140), ("message identity", 140), ("sensor evt", 1)],
    },
    Case {
        name: "visit",
        about: "what `visaged` shows without arguments: the simulated visit, judged by the demo's networks",
        story: |scene, _| Ok(Story::Configured(scene.root.join("configs/demo.toml"))),
        least: &[
            ("identity nobody", 20),
            ("identity checking", 20),
            ("identity enrolled", 200),
            ("expression shown", 10),
            ("network auth active", 5),
            ("network event active", 5),
        ],
    },
    Case {
        name: "twice",
        about: "the scene, and the scene again: kernels with a memory forget",
        story: |scene, _| Ok(Story::Files(vec![scene.radar(), scene.camera()], 2)),
        least: &[("message radar", 600), ("message status", 28)],
    },
    Case {
        name: "evt2",
        about: "the same events as EVT 2.0",
        story: |scene, folder| with_camera(scene, scene.camera_as(Format::Evt2, folder)?),
        least: BOTH,
    },
    Case {
        name: "evt21-little",
        about: "the same events as EVT 2.1, mask first",
        story: |scene, folder| with_camera(scene, scene.camera_as(Format::Evt21Little, folder)?),
        least: BOTH,
    },
    Case {
        name: "evt21-legacy",
        about: "the same events as EVT 2.1, type first",
        story: |scene, folder| with_camera(scene, scene.camera_as(Format::Evt21Legacy, folder)?),
        least: BOTH,
    },
    Case {
        name: "dat",
        about: "the same events as DAT",
        story: |scene, folder| with_camera(scene, scene.camera_as(Format::Dat, folder)?),
        least: &[("message event", 140), ("sensor dat", 1)],
    },
    Case {
        name: "aedat4",
        about: "the same events as AEDAT 4",
        story: |scene, folder| with_camera(scene, scene.camera_as(Format::Aedat4, folder)?),
        least: &[("message event", 140), ("sensor aedat4", 1)],
    },
    Case {
        name: "ti-bin",
        about: "three complex frames of a TI radar beside the camera",
        story: |scene, _| {
            let radar = scene.root.join("tests/golden/ti-bin/adc_data.bin");
            Ok(once(vec![radar, scene.camera()]))
        },
        least: &[("message radar", 3), ("message event", 140), ("sensor ti-bin", 1)],
    },
    Case {
        name: "recorded",
        about: "the scene out of a recording of our own",
        story: |scene, _| recorded(scene, 100),
        least: BOTH,
    },
    // ---- Faults in files ----
    Case {
        name: "recorded-cut",
        about: "the same recording, cut after three fifths",
        story: |scene, _| recorded(scene, 60),
        least: &[("message radar", 150), ("message event", 60)],
    },
    Case {
        name: "evt3-flipped",
        about: "one bit in 5000 bytes of EVT 3.0 is wrong",
        story: |scene, folder| {
            damaged_camera(scene, folder, |bytes| flip(bytes, HEADER, 5_000.0, 1))
        },
        least: &[("message radar", 290), ("message event", 140), ("counts time-went-back", 1)],
    },
    Case {
        name: "evt3-bytes-lost",
        about: "three words are missing in the middle of EVT 3.0, and half of the last one",
        story: |scene, folder| {
            damaged_camera(scene, folder, |bytes| {
                let middle = bytes.len() / 2;
                let word = middle + (middle - payload(bytes)) % 2;
                bytes.drain(word..word + 6);
                bytes.pop();
            })
        },
        least: &[("message radar", 290), ("counts trailing-bytes", 1)],
    },
    Case {
        name: "evt2-flipped",
        about: "one bit in 3000 bytes of EVT 2.0 is wrong: pixels off the sensor, times that jump",
        story: |scene, folder| damaged(scene, folder, Format::Evt2, 3_000.0),
        least: &[("message radar", 200), ("counts x-beyond-width", 1)],
    },
    Case {
        name: "dat-flipped",
        about: "one bit in 3000 bytes of DAT is wrong",
        story: |scene, folder| damaged(scene, folder, Format::Dat, 3_000.0),
        least: &[("message radar", 200), ("counts time-went-back", 1)],
    },
    Case {
        name: "aedat4-cut",
        about: "AEDAT 4 that ends within a packet",
        story: |scene, folder| {
            let mut bytes = scene.bytes_as(Format::Aedat4, &scene.events);
            bytes.truncate(bytes.len() / 2 + 5);
            with_camera(scene, write(folder, "events", &bytes)?)
        },
        least: &[("message radar", 290), ("message event", 60), ("counts truncated-packet", 1)],
    },
    Case {
        name: "radar-crashed",
        about: "a radar.npy whose writer died: a blank header, and half a frame at the end",
        story: |scene, folder| {
            let path = scene.radar_with(folder, |number, _| number < 200)?;
            let file = path.join("radar.npy");
            let mut bytes = fs::read(&file)?;
            bytes.truncate(bytes.len() - 3_001);
            fs::write(&file, bytes)?;
            with_radar(scene, path)
        },
        least: &[("message radar", 199), ("message event", 140)],
    },
    Case {
        name: "radar-frames-lost",
        about: "every seventh frame is missing",
        story: |scene, folder| {
            with_radar(scene, scene.radar_with(folder, |number, _| number % 7 != 3)?)
        },
        least: &[("message radar", 250), ("message event", 140)],
    },
    Case {
        name: "radar-clipped",
        about: "a receiver that saturates from the sixth second on",
        story: |scene, folder| {
            let clip = |number: usize, samples: &mut ndarray::Array3<i16>| {
                if number >= 120 {
                    samples
                        .index_axis_mut(ndarray::Axis(0), 1)
                        .mapv_inplace(|s| s.clamp(1900, 2200));
                }
                true
            };
            with_radar(scene, scene.radar_with(folder, clip)?)
        },
        least: &[("message radar", 300)],
    },
    Case {
        name: "camera-hot-pixel",
        about: "one pixel fires 20000 times a second beside the scene",
        story: |scene, folder| {
            let hot = (0..15 * 20_000).map(|n| Event { t: n * 50, x: 300, y: 10, on: n % 2 == 0 });
            let mut events: Vec<_> = scene.events.iter().copied().chain(hot).collect();
            events.sort_by_key(|event| event.t);
            with_camera(scene, write(folder, "events", &scene.bytes_as(Format::Dat, &events))?)
        },
        least: &[("message event", 140), ("received sensor-1", 300_000)],
    },
    Case {
        name: "camera-silent",
        about: "the camera sees nothing between second 4 and 10",
        story: |scene, folder| {
            let gap = 4 * SECOND..10 * SECOND;
            let events: Vec<_> =
                scene.events.iter().copied().filter(|event| !gap.contains(&event.t)).collect();
            with_camera(scene, write(folder, "events", &scene.bytes_as(Format::Evt2, &events))?)
        },
        least: &[("message radar", 290), ("message event", 140)],
    },
    // ---- Live sensors ----
    Case {
        name: "live",
        about: "both sensors live, all well",
        story: |scene, _| Ok(Log::of(scene, 8).story()),
        least: &[("message radar", 155), ("clock locked", 10), ("state streaming", 10)],
    },
    Case {
        name: "live-radar-unplugged",
        about: "the radar's cable is out from second 3 to 5",
        story: |scene, _| {
            Ok(fault(scene, |log| log.lose(RADAR, Loss::Absent, 3 * SECOND, 5 * SECOND)))
        },
        least: &[("message radar", 110), ("trouble absent", 2), ("message identity", 125)],
    },
    Case {
        name: "live-camera-unplugged",
        about: "the camera's cable is out from second 3 to 5",
        story: |scene, _| {
            Ok(fault(scene, |log| log.lose(CAMERA, Loss::Absent, 3 * SECOND, 5 * SECOND)))
        },
        least: &[("message radar", 155), ("trouble absent", 2), ("state lost", 2)],
    },
    Case {
        name: "live-driver-hangs",
        about: "the radar's driver does not come back from second 3 to 5",
        story: |scene, _| {
            Ok(fault(scene, |log| log.lose(RADAR, Loss::Hung, 3 * SECOND, 5 * SECOND)))
        },
        least: &[("trouble hung", 2), ("message radar", 110)],
    },
    Case {
        name: "live-strangers",
        about: "first the wrong protocol, then the wrong configuration",
        story: |scene, _| {
            Ok(fault(scene, |log| {
                log.lose(RADAR, Loss::Protocol, 0, 2 * SECOND);
                log.lose(RADAR, Loss::Configuration, 2 * SECOND, 4 * SECOND);
            }))
        },
        least: &[("trouble protocol", 2), ("trouble configuration", 2), ("message radar", 70)],
    },
    Case {
        name: "live-radar-hangs",
        about: "the radar is there and says nothing from second 3 to 5",
        story: |scene, _| Ok(fault(scene, |log| log.silence(RADAR, 3 * SECOND, 5 * SECOND))),
        least: &[("trouble silent", 1), ("message radar", 110)],
    },
    Case {
        name: "live-radar-restarts",
        about: "the radar starts anew at second 4: its clock and numbers begin again",
        story: |scene, _| Ok(fault(scene, |log| log.restart_radar(4 * SECOND))),
        least: &[("message radar", 150), ("clock locked", 8)],
    },
    Case {
        name: "live-late",
        about: "the camera's data come 600 ms late from second 3 to 5",
        story: |scene, _| {
            Ok(fault(scene, |log| log.delay(CAMERA, 3 * SECOND, 5 * SECOND, 600_000)))
        },
        least: &[("message radar", 155)],
    },
    Case {
        name: "live-without-answers",
        about: "no device answers a question for its time",
        story: |scene, _| Ok(fault(scene, Log::never_answer)),
        least: &[("message radar", 155), ("clock unsynced", 1)],
    },
    Case {
        name: "live-losing-data",
        about: "queues overflow in front of the pipeline and behind it, and samples are missing",
        story: |scene, _| {
            Ok(fault(scene, |log| {
                log.count(3 * SECOND, CAMERA, "queue-full", 5);
                log.count(3 * SECOND + 1, RADAR, "queue-full", 2);
                log.punch_holes(4 * SECOND, 5 * SECOND);
                log.misfit(5 * SECOND);
                let mut counts = Counts::default();
                counts.add("publish-queue-full", 9);
                log.tell(6 * SECOND, Input::Dropped { counts });
            }))
        },
        least: &[("trouble losing-data", 1), ("holes", 19), ("dropped publish-queue-full", 9)],
    },
];

/// Where the words of a RAW file begin.
fn payload(bytes: &[u8]) -> usize {
    let end = b"% end\n";
    bytes.windows(end.len()).position(|window| window == end).map_or(0, |at| at + end.len())
}

fn once(paths: Vec<PathBuf>) -> Story {
    Story::Files(paths, 1)
}

fn with_camera(scene: &Scene, camera: PathBuf) -> Result<Story> {
    Ok(once(vec![scene.radar(), camera]))
}

fn with_radar(scene: &Scene, radar: PathBuf) -> Result<Story> {
    Ok(once(vec![radar, scene.camera()]))
}

fn damaged_camera(
    scene: &Scene,
    folder: &Path,
    damage: impl FnOnce(&mut Vec<u8>),
) -> Result<Story> {
    let mut bytes = fs::read(scene.camera())?;
    damage(&mut bytes);
    with_camera(scene, write(folder, "events.raw", &bytes)?)
}

fn damaged(scene: &Scene, folder: &Path, format: Format, every: f64) -> Result<Story> {
    let mut bytes = scene.bytes_as(format, &scene.events);
    flip(&mut bytes, HEADER, every, 2);
    with_camera(scene, write(folder, "events", &bytes)?)
}

/// The scene as a recording of our own, of which `percent` are left.
fn recorded(scene: &Scene, percent: usize) -> Result<Story> {
    let said = story::tell(&once(vec![scene.radar(), scene.camera()]))?;
    let mut bytes = story::record(&said)?;
    bytes.truncate(bytes.len() / 100 * percent + bytes.len() % 100 * percent / 100);
    Ok(Story::Recording(bytes))
}

/// Eight live seconds with a fault in them.
fn fault(scene: &Scene, put: impl FnOnce(&mut Log)) -> Story {
    let mut log = Log::of(scene, 8);
    put(&mut log);
    log.story()
}
