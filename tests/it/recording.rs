//! Recordings of our own: what was recorded replays to the bytes that were published, whatever
//! happened to the file.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};
use visaged::data::message::Message;
use visaged::data::{Counts, Epoch, Event, RadarFrame, Source};
use visaged::data::{
    EventBatch, Geometry, Input, Loss, Notice, Reading, Samples, TimeAnswer, View,
};
use visaged::pipeline::{Config, Pipeline};
use visaged::recording::{Ending, Entry, LAYOUT, Opening, Packed, Reader, Writer};
use visaged::sensor::{self, evt, infineon};
use visaged::units::{HostClock, Stamp};

use crate::scratch::Scratch;
use crate::support;
use crate::zmtp::{Subscriber, python_with};

/// The first `seconds` of the shipped scene, as recordings of their own.
pub fn scene(folder: &Scratch, seconds: i64) -> [PathBuf; 2] {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/scenes/demo");
    let end = seconds * 1_000_000;
    let mut radar = sensor::open(&shipped.join("radar")).unwrap();
    let View::Radar(chirp) = radar.description().view.clone() else { panic!("no radar") };
    let path = folder.path().join("radar");
    let mut writer = infineon::write::Writer::create(&path, &chirp, "cut").unwrap();
    while let Some(Reading::Radar(frame)) = radar.read().unwrap() {
        if frame.stamp.as_micros() < end
            && let Samples::Real(samples) = &frame.samples
        {
            writer.push(samples).unwrap();
        }
    }
    writer.finish().unwrap();
    let mut camera = sensor::open(&shipped.join("event.raw")).unwrap();
    let View::Event(geometry) = camera.description().view else { panic!("no camera") };
    let mut events = Vec::new();
    while let Some(Reading::Events(batch)) = camera.read().unwrap() {
        events.extend(batch.events.into_iter().filter(|event| event.t < end));
    }
    let raw = evt::write::raw(geometry, &events).unwrap();
    [path, folder.put("event.raw", raw)]
}

fn visaged(args: &[&str], paths: &[PathBuf]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_visaged")).args(args).args(paths).output().unwrap()
}

fn replay(paths: &[PathBuf]) -> String {
    let output = visaged(&["replay", "--no-publish"], paths);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The recordings in `folder`, oldest first.
pub fn recordings(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "mcap"));
    paths.sort();
    paths
}

/// The daemon over `scene`, recording into `folder`/recordings.
fn daemon(folder: &Scratch, scene: &[PathBuf; 2], repeat: bool, more: &str) -> Running {
    let [radar, camera] = scene;
    let config = folder.put(
        "config.toml",
        format!(
            "[[sensor]]\nname = \"radar\"\nkind = \"infineon\"\nsettings.path = {radar:?}\n\
             [[sensor]]\nname = \"camera\"\nkind = \"evt\"\nsettings.path = {camera:?}\n\
             [playback]\nrepeat = {repeat}\n\
             [publish]\nendpoints = [\"tcp://127.0.0.1:0\"]\n\
             [record]\nfolder = \"recordings\"\n{more}"
        ),
    );
    let child = Command::new(env!("CARGO_BIN_EXE_visaged"))
        .args(["run", "--quiet", "--config"])
        .arg(&config)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    Running(child.unwrap())
}

/// A daemon that is gone when the test is.
struct Running(Child);

impl Running {
    /// As systemd does it.
    fn terminate(&mut self) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Where the daemon publishes; its further lines are kept.
fn address(child: &mut Running) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let mut lines = BufReader::new(child.0.stderr.take().unwrap()).lines();
    let address = lines
        .by_ref()
        .map(Result::unwrap)
        .find_map(|line| Some(line.split_once("tcp://")?.1.trim_matches('"').to_owned()))
        .expect("the daemon says where it publishes");
    (address, std::thread::spawn(move || lines.map(Result::unwrap).collect()))
}

/// Looks again and again until `what` holds; it must within half a minute.
#[expect(clippy::disallowed_methods, reason = "another process is waited for")]
fn await_that(what: impl Fn() -> bool) {
    let start = Instant::now();
    while !what() {
        assert!(start.elapsed() < Duration::from_secs(30), "it never came true");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Unix time in microseconds.
#[expect(clippy::disallowed_methods, reason = "compared with what another process recorded")]
fn unix_now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_micros()).unwrap()
}

#[test]
fn a_recorded_run_of_the_daemon_replays_to_the_bytes_that_a_subscriber_got() {
    let folder = Scratch::new("record-run");
    let scene = scene(&folder, 3);
    let mut child = daemon(&folder, &scene, false, "");
    let (address, _lines) = address(&mut child);
    let mut subscriber = Subscriber::connect(&address, b"v1/");
    let mut received = Vec::new();
    while let Ok(message) = subscriber.try_message() {
        received.push(message);
    }
    assert!(child.0.wait().unwrap().success());
    let kept = recordings(&folder.path().join("recordings"));
    assert_eq!(kept.len(), 1);
    let replayed = replay(&kept);
    assert_eq!(replayed, replay(&kept), "two replays differ");
    let boot_id = {
        let header: serde_json::Value = serde_json::from_slice(&received[0][1]).unwrap();
        header["boot_id"].as_str().unwrap().to_owned()
    };
    let lines: std::collections::BTreeSet<&str> = replayed.lines().collect();
    for message in &received {
        let [topic, header, payload] = &message[..] else { panic!("{} frames", message.len()) };
        if topic.starts_with(b"v1/health/") || topic.starts_with(b"v1/hello/") {
            continue; // they tell of the daemon, not of what it saw
        }
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        // The boot id alone differs, so that nobody takes a replay for life.
        let header = text(header).replace(&boot_id, "replay");
        let line = format!(
            "{{\"topic\":\"{}\",\"header\":{header},\"payload\":{}}}",
            text(topic),
            text(payload)
        );
        assert!(lines.contains(&line[..]), "published, but not replayed: {line}");
    }
    // The first few were published before anybody listened.
    assert!(received.len() > 100 && received.len() * 10 >= lines.len() * 9);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&kept[0]), mode(kept[0].parent().unwrap())), (0o600, 0o700));
}

#[test]
fn a_killed_daemon_leaves_all_but_its_last_second_and_that_replays() {
    let folder = Scratch::new("record-kill");
    let scene = scene(&folder, 2);
    let into = folder.path().join("recordings");
    for round in 1..=4_u64 {
        let mut child = daemon(&folder, &scene, true, "");
        let kept = usize::try_from(round).unwrap();
        let size = || match recordings(&into) {
            files if files.len() == kept => fs::metadata(&files[kept - 1]).unwrap().len(),
            _ => 0,
        };
        // Another moment each time: the file grows by about 80 KB every half second.
        await_that(|| size() > 100_000 + round * 37_000);
        let now = unix_now();
        child.0.kill().unwrap(); // SIGKILL
        child.0.wait().unwrap();
        let file = recordings(&into).pop().unwrap();
        let mut reader = Reader::open(fs::File::open(&file).unwrap()).unwrap();
        let mut last = 0;
        while let Some((micros, _)) = reader.read().unwrap() {
            last = micros;
        }
        assert_eq!(reader.ending(), Some(Ending::Cut));
        let lost = now - last;
        assert!(lost < 1_000_000, "{lost} us of the recording are gone");
        assert!(replay(&[file]).lines().count() > 20);
    }
}

#[test]
fn a_full_disk_ends_the_recording_and_not_the_daemon_and_room_brings_it_back() {
    let folder = Scratch::new("record-full");
    let scene = scene(&folder, 2);
    let into = folder.path().join("recordings");
    fs::create_dir_all(&into).unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=640k", "none"])
        .arg(&into)
        .stderr(Stdio::null())
        .status();
    if !mount.is_ok_and(|status| status.success()) {
        support::skipped("no file system can be mounted here to be filled");
        return;
    }
    let _mounted = Mounted(into.clone());
    fs::write(into.join("ballast"), vec![1; 300_000]).unwrap();
    let mut child = daemon(&folder, &scene, true, "least-free-mib = 0\n");
    let (address, lines) = address(&mut child);
    let mut subscriber = Subscriber::connect(&address, b"v1/status/");
    let mut failed = || {
        let message = subscriber.message();
        let status: serde_json::Value = serde_json::from_slice(&message[2]).unwrap();
        status["dropped"]["record-failed"].as_u64().unwrap_or(0)
    };
    // Decisions go on: these are published long after the disk has filled.
    while failed() < 100 {}
    let before = recordings(&into).len();
    fs::remove_file(into.join("ballast")).unwrap();
    await_that(|| recordings(&into).len() > before);
    child.terminate();
    let said = lines.join().unwrap();
    assert!(said.iter().any(|line| line.contains("ERROR") && line.contains("recording stops")));
    let mut told = 0;
    let files = recordings(&into);
    for file in &files {
        let mut reader = Reader::open(fs::File::open(file).unwrap()).unwrap();
        while let Some((_, entry)) = reader.read().unwrap() {
            told += if let Entry::Loss(loss) = entry { loss.entries } else { 0 };
        }
        let whole = reader.ending() == Some(Ending::Whole);
        assert!(!whole || Some(file) == files.last(), "{} passes for whole", file.display());
    }
    assert!(told >= 100, "the recording speaks of {told} losses");
}

/// Unmounts when the test ends.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(&self.0).status());
    }
}

#[test]
fn a_converted_scene_replays_to_the_bytes_of_the_scene_and_converts_to_the_same_file_twice() {
    let folder = Scratch::new("convert");
    let scene = scene(&folder, 3);
    let [once, twice] = ["once.mcap", "twice.mcap"].map(|name| folder.path().join(name));
    for out in [&once, &twice] {
        let paths = [&scene[..], std::slice::from_ref(out)].concat();
        let output = visaged(&["convert"], &paths);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(fs::read(&once).unwrap() == fs::read(&twice).unwrap(), "two conversions differ");
    let lines = replay(&scene);
    assert!(lines.lines().count() > 100);
    assert!(replay(std::slice::from_ref(&once)) == lines, "the conversion says something else");
    let again = visaged(&["convert"], &[scene[0].clone(), once.clone()]);
    assert_eq!(again.status.code(), Some(1), "a file that exists was written over");
    let info = visaged(&["info", "--json"], std::slice::from_ref(&once));
    let info: serde_json::Value = serde_json::from_slice(&info.stdout).unwrap();
    assert_eq!((&info["whole"], &info["sensors"][0]["frames"]), (&true.into(), &60.into()));
    assert_eq!(info["published"].as_u64(), Some(lines.lines().count() as u64));
}

#[test]
fn the_mcap_reader_of_others_finds_the_same_samples_events_and_pictures() {
    let Some(python) = python_with("mcap") else {
        support::skipped("no Python has mcap");
        return;
    };
    let folder = Scratch::new("record-others");
    let scene = scene(&folder, 3);
    let file = folder.path().join("scene.mcap");
    let paths = [&scene[..], std::slice::from_ref(&file)].concat();
    assert!(visaged(&["convert"], &paths).status.success());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/reference/recording.py");
    let output = Command::new(python).arg(script).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let hex = |digest: &[u8]| digest.iter().map(|b| format!("{b:02x}")).collect::<String>();
    // Samples lie behind the 1024 bytes of the recording's own header, in the same order.
    let samples = &fs::read(scene[0].join("radar.npy")).unwrap()[1024..];
    let radar = &found["sensors"]["infineon"];
    assert_eq!(
        (&radar["count"], &radar["sha256"]),
        (&60.into(), &hex(&Sha256::digest(samples)).into())
    );
    let (mut digest, mut count) = (Sha256::new(), 0);
    let mut camera = sensor::open(&scene[1]).unwrap();
    while let Some(Reading::Events(batch)) = camera.read().unwrap() {
        for event in batch.events {
            count += 1;
            digest.update(event.t.to_le_bytes());
            digest.update(event.x.to_le_bytes());
            digest.update(event.y.to_le_bytes());
            digest.update([u8::from(event.on)]);
        }
    }
    let camera = &found["sensors"]["evt"];
    assert_eq!(
        (&camera["count"], &camera["sha256"]),
        (&count.into(), &hex(&digest.finalize()).into())
    );
    assert!(count > 10_000 && found["pictures"].as_u64() > Some(1), "{found}");
}

#[test]
fn recordings_of_others_and_mixed_runs_are_refused_with_a_reason() {
    let folder = Scratch::new("record-refused");
    let scene = scene(&folder, 1);
    let ours = folder.path().join("ours.mcap");
    let paths = [&scene[..], std::slice::from_ref(&ours)].concat();
    assert!(visaged(&["convert"], &paths).status.success());
    let mut foreign = Vec::new();
    mcap::Writer::new(std::io::Cursor::new(&mut foreign)).unwrap().finish().unwrap();
    let foreign = folder.put("foreign.mcap", foreign);
    let mut damaged = fs::read(&ours).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let damaged = folder.put("damaged.mcap", damaged);
    for (paths, status, word) in [
        (vec![foreign], 3, "visaged convert"),
        (vec![damaged], 3, "damaged"),
        (vec![ours.clone(), scene[0].clone()], 2, "mixed"),
    ] {
        let output = visaged(&["replay", "--no-publish"], &paths);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{said}");
        assert!(said.contains(word) && !said.contains("panicked"), "{said}");
    }
}

const GEOMETRY: Geometry = Geometry { width: 64, height: 48 };

fn live() -> Vec<Source> {
    let chirp = visaged::data::ChirpConfig {
        rx_antennas: vec![1, 3],
        chirps: 8,
        samples: 32,
        ..visaged::data::ChirpConfig::food()
    };
    vec![
        Source { name: "radar".into(), view: View::Radar(chirp), epoch: Epoch::Live },
        Source { name: "camera".into(), view: View::Event(GEOMETRY), epoch: Epoch::Live },
    ]
}

/// Twelve seconds of a live run in which everything happens: time exchanges, a cable that is out,
/// a device that starts anew, refused data, and a slow subscriber.
fn live_inputs() -> Vec<Input> {
    let at = |micros: i64| Stamp::<HostClock>::from_micros(1_000_000 + micros);
    let counts = |n| {
        let mut counts = Counts::default();
        counts.add("junk-bytes", n);
        counts
    };
    let mut inputs = vec![Input::Clock { now: at(0) }];
    for tick in 0..240_i64 {
        let now = tick * 50_000;
        let unplugged = (100..130).contains(&tick);
        if tick == 100 {
            inputs.push(Input::Lost { source: 0, loss: Loss::Absent, now: at(now) });
        }
        let arrival = Some(at(now + 3_000 + tick % 7 * 211));
        if tick % 20 == 1 {
            let answer = TimeAnswer {
                host_sent: at(now + 1_000),
                device_received: Stamp::from_micros(now + 77_000),
                device_sent: Stamp::from_micros(now + 77_050),
            };
            let reading = Reading::Notice(Notice::Time(answer));
            inputs.push(Input::Reading { source: 0, reading, arrival });
        }
        if tick == 130 {
            let reading = Reading::Notice(Notice::Restarted);
            inputs.push(Input::Reading { source: 0, reading, arrival });
        }
        if !unplugged {
            let number = u64::try_from(tick).unwrap();
            let samples = ndarray::Array3::from_shape_fn((2, 8, 32), |(rx, chirp, sample)| {
                let tick = usize::try_from(tick).unwrap();
                i16::try_from((rx * 91 + chirp * 37 * (tick + 1) + sample * 13) % 4096).unwrap()
            });
            let stamp = Stamp::from_micros(now + 76_000);
            let samples = Samples::Real(samples);
            let frame = RadarFrame { number, stamp, samples, has_holes: tick % 50 == 7 };
            inputs.push(Input::Reading { source: 0, reading: Reading::Radar(frame), arrival });
        }
        let events = (0..200).map(|n| Event {
            t: now + n * 240,
            x: u16::try_from((n * 3 + tick) % 64).unwrap(),
            y: u16::try_from(n / 7 % 48).unwrap(),
            on: n % 2 == 0,
        });
        let batch = EventBatch { events: events.collect(), ..EventBatch::default() };
        inputs.push(Input::Reading { source: 1, reading: Reading::Events(batch), arrival });
        if tick % 60 == 9 {
            inputs.push(Input::Counts { source: 1, counts: counts(u64::try_from(tick).unwrap()) });
            inputs.push(Input::Dropped { counts: counts(2) });
        }
        inputs.push(Input::Clock { now: at(now + 50_000) });
    }
    inputs
}

fn pipeline(sources: &[Source]) -> Pipeline {
    Pipeline::plan(&Config::default(), sources, None).unwrap()
}

/// The bytes of a recording of `inputs`, a chunk every ten of them.
fn record(sources: &[Source], inputs: &[Input]) -> Vec<u8> {
    let opening = Opening {
        layout: LAYOUT,
        version: "0".into(),
        boot_id: "boot".into(),
        part: 0,
        sources: sources.to_vec(),
        config: String::new(),
        folder: String::new(),
        bundle: None,
        unix_offset_us: 0,
    };
    let mut writer = Writer::start(Vec::new(), &opening, 0).unwrap();
    writer.flush().unwrap();
    for (number, input) in (0_u64..).zip(inputs) {
        writer.write(&Packed::input(number, input, 0)).unwrap();
        if number % 10 == 9 {
            writer.flush().unwrap();
        }
    }
    writer.finish().unwrap()
}

fn read(bytes: &[u8]) -> (Vec<Source>, Vec<Input>, Option<Ending>) {
    let mut reader = Reader::open(bytes).unwrap();
    let mut inputs = Vec::new();
    while let Some((_, entry)) = reader.read().unwrap() {
        let Entry::Input { number, input } = entry else { panic!("{entry:?}") };
        assert_eq!(number, inputs.len() as u64);
        inputs.push(input);
    }
    (reader.opening().sources.clone(), inputs, reader.ending())
}

#[test]
fn live_inputs_come_back_one_by_one_and_make_another_pipeline_say_the_same() {
    let (sources, inputs) = (live(), live_inputs());
    let say = |sources: &[Source], inputs: Vec<Input>| {
        let (mut pipeline, mut out) = (pipeline(sources), Vec::new());
        inputs.into_iter().for_each(|input| pipeline.take(input, &mut out));
        out
    };
    let (sources_again, inputs_again, ending) = read(&record(&sources, &inputs));
    assert_eq!(ending, Some(Ending::Whole));
    assert_eq!(sources_again, sources);
    assert_eq!(inputs_again, inputs);
    let (live, replayed): (Vec<Message>, _) =
        (say(&sources, inputs), say(&sources_again, inputs_again));
    assert_eq!(replayed, live);
    let mut streams = BTreeMap::new();
    live.iter().for_each(|message| *streams.entry(message.payload.stream()).or_insert(0) += 1);
    assert!(
        streams["radar"] >= 180 && streams["event"] >= 50 && streams["status"] >= 12,
        "{streams:?}"
    );
}

#[test]
fn a_recording_cut_anywhere_gives_every_chunk_before_the_cut_and_nothing_else() {
    let inputs = live_inputs();
    let whole = record(&live(), &inputs);
    let mut seed = 0x2545_F491_4F6C_DD1D_u64;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..400 {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let cut = usize::try_from(seed % whole.len() as u64).unwrap();
        let Ok(reader) = Reader::open(&whole[..cut]) else {
            assert!(cut < 2_000, "nothing can be read of {cut} bytes");
            continue;
        };
        drop(reader);
        let (_, read, ending) = read(&whole[..cut]);
        assert_eq!(read, inputs[..read.len()], "cut at {cut}");
        assert!(read.len() % 10 == 0 || read.len() == inputs.len(), "half a chunk was read");
        // What is behind the last chunk is an index, which nothing needs.
        assert!(ending == Some(Ending::Cut) || read.len() == inputs.len());
        seen.insert(read.len());
    }
    assert!(seen.len() > 40, "only {} different lengths", seen.len());
}

#[test]
fn zeros_behind_the_last_chunk_as_power_loss_leaves_them_end_the_recording() {
    let inputs = live_inputs();
    let mut bytes = record(&live(), &inputs);
    let half = bytes.len() / 2;
    bytes.truncate(half);
    let before = read(&bytes).1.len();
    // On a chunk boundary, where the zeros look like records.
    while read(&bytes[..bytes.len() - 1]).1.len() == before {
        bytes.pop();
    }
    bytes.extend([0; 100_000]);
    let (_, inputs, ending) = read(&bytes);
    assert_eq!((inputs.len(), ending), (before, Some(Ending::Cut)));
}

#[test]
fn any_damaged_byte_is_refused_or_harmless_and_never_a_panic() {
    let inputs = live_inputs();
    let whole = record(&live(), &inputs[..60]);
    for at in (0..whole.len()).step_by(997) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        let Ok(mut reader) = Reader::open(&bytes[..]) else { continue };
        let mut inputs_read = 0;
        while let Ok(Some((_, entry))) = reader.read() {
            if let Entry::Input { input, .. } = entry {
                assert_eq!(input, inputs[inputs_read], "byte {at}");
                inputs_read += 1;
            }
        }
    }
}

#[test]
fn parts_of_a_run_replay_in_their_order_however_they_are_named() {
    let folder = Scratch::new("record-parts");
    let scene = scene(&folder, 4);
    let mut child = daemon(&folder, &scene, true, "file-mib = 1\n");
    let into = folder.path().join("recordings");
    await_that(|| recordings(&into).len() >= 2);
    child.terminate();
    let mut files = recordings(&into);
    let forwards = replay(&files);
    files.reverse();
    assert!(replay(&files) == forwards);
    let alone = visaged(&["replay", "--no-publish"], &files[..1]);
    assert!(String::from_utf8_lossy(&alone.stderr).contains("files earlier"));
    let published: usize = files
        .iter()
        .map(|file| {
            let info = visaged(&["info", "--json"], std::slice::from_ref(file));
            let info: serde_json::Value = serde_json::from_slice(&info.stdout).unwrap();
            assert_eq!(info["whole"], true);
            usize::try_from(info["published"].as_u64().unwrap()).unwrap()
        })
        .sum();
    assert_eq!(forwards.lines().count(), published);
}
