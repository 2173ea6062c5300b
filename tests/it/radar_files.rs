//! Radar recordings: real ones against independent references, damaged and written ones.

use std::fs;
use std::path::{Path, PathBuf};

use ndarray::Array3;
use visaged::data::{ChirpConfig, Modality, RadarFrame, Samples};
use visaged::sensor::infineon::write::Writer;
use visaged::sensor::{self, Description, Epoch, Reading, Sensor, View};
use visaged::units::{Hertz, Seconds};

use crate::npy::Array;
use crate::scratch::Scratch;
use crate::support;

const NAPASZHAR: &str = "radar/napaszhar_bgt60tr13c";
const NAPASZHAR_FRAME: usize = 3 * 8 * 64 * 2;

fn frames(sensor: &mut dyn Sensor) -> Vec<RadarFrame> {
    std::iter::from_fn(|| sensor.read().unwrap())
        .map(|reading| match reading {
            Reading::Radar(frame) => frame,
            Reading::Events(_) | Reading::Notice(_) => panic!("no frame from a radar"),
        })
        .collect()
}

fn open_error(path: &Path, kind: &str) -> String {
    let mut settings = toml::Table::new();
    settings.insert("path".to_owned(), path.to_str().unwrap().into());
    match sensor::Kind::named(kind).unwrap().open(settings) {
        Ok(_) => panic!("{} opened", path.display()),
        Err(error) => error.to_string(),
    }
}

fn noted(description: &Description, word: &str) -> bool {
    description.notes.iter().any(|note| note.contains(word))
}

fn real(frame: &RadarFrame) -> &Array3<i16> {
    let Samples::Real(samples) = &frame.samples else { panic!("complex samples") };
    samples
}

fn complex(frame: &RadarFrame) -> &Array3<[i16; 2]> {
    let Samples::Complex(samples) = &frame.samples else { panic!("real samples") };
    samples
}

// ---- Infineon ----

fn small_chirps() -> ChirpConfig {
    ChirpConfig {
        rx_antennas: vec![1, 3],
        chirps: 4,
        samples: 16,
        complex: false,
        start: Hertz(58e9),
        end: Hertz(63.5e9),
        sample_rate: Hertz(2e6),
        chirp_period: Seconds(0.000_591_124_990_023_672_6),
        frame_period: Seconds(0.077_268_846_333_026_89),
        adc_bits: 12,
    }
}

/// A frame in which every sample names its place; never zero, as no real frame is.
fn small_frame(number: i16) -> Array3<i16> {
    Array3::from_shape_fn((2, 4, 16), |(rx, chirp, sample)| {
        1 + number * 128 + i16::try_from(rx * 64 + chirp * 16 + sample).unwrap()
    })
}

/// A written recording of five small frames.
fn small_recording(scratch: &Scratch, folder: &str) -> PathBuf {
    let folder = scratch.path().join(folder);
    let mut writer = Writer::create(&folder, &small_chirps(), "test radar").unwrap();
    for number in 0..5 {
        writer.push(&small_frame(number)).unwrap();
    }
    assert_eq!(writer.finish().unwrap(), 5);
    folder
}

/// Per-frame sums over all samples, from numpy.
#[test]
fn a_gui_recording_equals_its_reference() {
    let Some(folder) = support::shared(NAPASZHAR) else { return };
    let reference: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("ref/ref.json")).unwrap()).unwrap();
    let whole = Array::read(&folder.join("radar.npy"));
    for path in [folder.clone(), folder.join("radar.npy")] {
        let mut sensor = sensor::open(&path).unwrap();
        assert_eq!(sensor.description().kind, "infineon");
        assert_eq!(sensor.description().device, "BGT60TR13C FMCW Radar Sensor");
        assert_eq!(sensor.description().epoch, Epoch::Synthesised);
        let View::Radar(chirps) = &sensor.description().view else { panic!("no radar") };
        assert_eq!(chirps.rx_antennas, [1, 2, 3]);
        let dr = reference["params"]["dr"].as_f64().unwrap();
        assert!((chirps.range_resolution().0 - dr).abs() < 1e-12);

        let frames = frames(&mut *sensor);
        assert_eq!(frames.len(), 256);
        let samples = frames.iter().flat_map(real).map(|&sample| f64::from(sample));
        assert!(samples.eq(whole.reals()));
        for (at, sum) in reference["frame_sum"].as_array().unwrap().iter().enumerate() {
            let number = usize::try_from(reference["kept_frames"][at].as_u64().unwrap()).unwrap();
            let got: i64 = real(&frames[number]).iter().map(|&sample| i64::from(sample)).sum();
            assert_eq!(Some(got), sum.as_i64(), "frame {number}");
            assert_eq!(frames[number].number, number as u64);
        }
        assert_eq!(frames[100].stamp.as_micros(), 7_726_885);
        assert!(sensor.counts().is_empty());
        assert_eq!(sensor.progress().done, sensor.progress().total);
    }
}

#[test]
fn a_real_recording_with_a_blank_header_gives_the_same_frames_and_says_so() {
    let Some(folder) = support::shared(NAPASZHAR) else { return };
    let scratch = Scratch::new("blank-header");
    let intact = fs::read(folder.join("radar.npy")).unwrap();
    let data = &intact[1024..];
    let expected = frames(&mut *sensor::open(&folder).unwrap());
    for (size, cut) in [(1024, 0), (2048, 0), (1024, 100), (2048, NAPASZHAR_FRAME + 1)] {
        let mut bytes = vec![0; size];
        bytes.extend_from_slice(&data[..data.len() - cut]);
        scratch.put("radar.npy", bytes);
        scratch.put("config.json", fs::read(folder.join("config.json")).unwrap());
        let mut sensor = sensor::open(scratch.path()).unwrap();
        assert!(noted(sensor.description(), "frame count from the file size"));
        let whole = (data.len() - cut) / NAPASZHAR_FRAME;
        assert_eq!(frames(&mut *sensor), expected[..whole], "header {size}, cut {cut}");
        let partial = (data.len() - cut) % NAPASZHAR_FRAME;
        assert_eq!(sensor.counts().get("partial-frame-bytes"), partial as u64);
    }
}

#[test]
fn what_is_written_is_read_back() {
    let scratch = Scratch::new("round-trip");
    let folder = small_recording(&scratch, "RadarIfxAvian_00");
    for path in [scratch.path(), &folder, &folder.join("radar.npy")] {
        let mut sensor = sensor::open(path).unwrap();
        let View::Radar(chirps) = &sensor.description().view else { panic!("no radar") };
        assert_eq!(chirps.rx_antennas, [1, 3]);
        assert_eq!((chirps.chirps, chirps.samples, chirps.adc_bits), (4, 16, 12));
        // Decimal text and back: a unit in the last place of a period is 1e-17 s.
        assert!((chirps.frame_period.0 - small_chirps().frame_period.0).abs() < 1e-15);
        assert_eq!(sensor.description().view.modality(), Modality::Radar);
        let frames = frames(&mut *sensor);
        assert_eq!(frames.len(), 5);
        for (frame, number) in frames.iter().zip(0..) {
            assert_eq!(*real(frame), small_frame(number));
        }
        assert_eq!(frames[4].stamp.as_micros(), 309_075);
    }
}

#[test]
fn a_recording_whose_writer_died_is_read() {
    let scratch = Scratch::new("writer-died");
    let mut writer = Writer::create(scratch.path(), &small_chirps(), "").unwrap();
    for number in 0..3 {
        writer.push(&small_frame(number)).unwrap();
    }
    drop(writer);
    let mut sensor = sensor::open(scratch.path()).unwrap();
    assert!(noted(sensor.description(), "never completed"));
    assert_eq!(frames(&mut *sensor).len(), 3);
}

#[test]
fn a_writer_refuses_what_no_adc_gives() {
    let scratch = Scratch::new("writer-refuses");
    let mut writer = Writer::create(scratch.path(), &small_chirps(), "").unwrap();
    let mut loud = small_frame(0);
    loud[[1, 2, 3]] = 4096;
    assert!(writer.push(&loud).unwrap_err().to_string().contains("4096"));
    loud[[1, 2, 3]] = -1;
    assert!(writer.push(&loud).unwrap_err().to_string().contains("-1"));
    let other = Array3::zeros((2, 4, 8));
    assert!(writer.push(&other).unwrap_err().to_string().contains("(2, 4, 16)"));
    assert_eq!(writer.finish().unwrap(), 0);
}

#[test]
fn a_stale_header_is_replaced_by_the_file_size() {
    let scratch = Scratch::new("stale-header");
    let folder = small_recording(&scratch, "device");
    let path = folder.join("radar.npy");
    let good = fs::read(&path).unwrap();
    for (shape, word) in [("(0, 2, 4, 16)", "never completed"), ("(2, 2, 4, 16)", "says 2 frames")]
    {
        let mut bytes = good.clone();
        let at = bytes.windows(13).position(|window| window == b"(5, 2, 4, 16)").unwrap();
        bytes[at..at + 13].copy_from_slice(shape.as_bytes());
        fs::write(&path, bytes).unwrap();
        let mut sensor = sensor::open(&folder).unwrap();
        assert!(noted(sensor.description(), word), "{:?}", sensor.description().notes);
        assert_eq!(frames(&mut *sensor).len(), 5);
    }
}

#[test]
fn a_shape_that_contradicts_config_json_is_an_error_that_names_both() {
    let scratch = Scratch::new("other-shape");
    let folder = small_recording(&scratch, "device");
    let config = fs::read_to_string(folder.join("config.json")).unwrap();
    let config = config.replace(r#""num_samples_per_chirp": 16"#, r#""num_samples_per_chirp": 32"#);
    fs::write(folder.join("config.json"), config).unwrap();
    let error = open_error(&folder, "infineon");
    assert!(error.contains("[5, 2, 4, 16]") && error.contains("[2, 4, 32]"), "{error}");
}

#[test]
fn samples_of_another_type_or_order_and_foreign_files_are_named() {
    let scratch = Scratch::new("other-type");
    let folder = small_recording(&scratch, "device");
    let path = folder.join("radar.npy");
    let good = fs::read(&path).unwrap();
    for (from, to, message) in [
        ("<u2", "<f4", "element type `<f4`, expected `<u2`"),
        ("False", "True ", "Fortran order, expected C order"),
        ("NUMPY", "NUMPI", r"found `\x93NUMPI`"),
    ] {
        let at = good.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
        let mut bytes = good.clone();
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        fs::write(&path, bytes).unwrap();
        let error = open_error(&folder, "infineon");
        assert!(error.contains(message) && error.contains("radar.npy"), "{error}");
    }
}

#[test]
fn a_frame_beyond_the_adc_range_is_refused_and_counted() {
    let scratch = Scratch::new("beyond-range");
    let folder = small_recording(&scratch, "device");
    let path = folder.join("radar.npy");
    let mut bytes = fs::read(&path).unwrap();
    let frame_bytes = 2 * 4 * 16 * 2;
    bytes[1024 + 2 * frame_bytes + 1] = 0x10; // 4096 or more
    fs::write(&path, &bytes).unwrap();
    let mut sensor = sensor::open(&folder).unwrap();
    let numbers: Vec<u64> = frames(&mut *sensor).iter().map(|frame| frame.number).collect();
    assert_eq!(numbers, [0, 1, 3, 4]);
    assert_eq!(sensor.counts().get("sample-beyond-adc-range"), 1);

    // The same value is fine for a 14-bit ADC, which a converter states as text.
    fs::write(folder.join("meta.json"), r#"{"adc_resolution": "14"}"#).unwrap();
    assert_eq!(frames(&mut *sensor::open(&folder).unwrap()).len(), 5);
    fs::write(folder.join("meta.json"), r#"{"adc_resolution": "many"}"#).unwrap();
    assert!(open_error(&folder, "infineon").contains("adc_resolution"));
}

#[test]
fn the_older_frequency_keys_are_understood() {
    let scratch = Scratch::new("older-keys");
    let folder = small_recording(&scratch, "device");
    let path = folder.join("config.json");
    let config = fs::read_to_string(&path).unwrap();
    let older = config.replace("start_freq", "lower_freq").replace("end_freq", "upper_freq");
    fs::write(&path, older).unwrap();
    let sensor = sensor::open(&folder).unwrap();
    let View::Radar(chirps) = &sensor.description().view else { panic!("no radar") };
    assert_eq!(chirps.bandwidth(), Hertz(5.5e9));

    fs::write(&path, config.replace("end_freq", "last_freq")).unwrap();
    let error = open_error(&folder, "infineon");
    assert!(error.contains("end_frequency_Hz") && error.contains("config.json"), "{error}");
}

#[test]
fn times_that_the_recorder_wrote_down_are_the_stamps_and_without_them_no_rounding_adds_up() {
    let scratch = Scratch::new("infineon-times");
    let folder = small_recording(&scratch, "recording");
    let number = frames(sensor::open(&folder).unwrap().as_mut()).len();
    let Epoch::Synthesised = sensor::open(&folder).unwrap().description().epoch else {
        panic!("times from nowhere");
    };
    let radar = walk(&folder).into_iter().find(|path| path.ends_with("radar.npy")).unwrap();
    let lines: Vec<_> = (0..number).map(|n| format!("{}.{n:06}", 1_700_000_000 + n)).collect();
    fs::write(radar.with_file_name("radar_timestamp.csv"), lines.join("\n")).unwrap();
    let mut sensor = sensor::open(&folder).unwrap();
    assert_eq!(sensor.description().epoch, Epoch::Unix);
    let stamps: Vec<_> =
        frames(sensor.as_mut()).iter().map(|frame| frame.stamp.as_micros()).collect();
    assert_eq!(stamps[..2], [1_700_000_000_000_000, 1_700_000_001_000_001]);

    let Some(real) = support::shared(NAPASZHAR) else { return };
    let last = frames(sensor::open(&real).unwrap().as_mut()).pop().unwrap();
    // 255 x 77,268.846333 us; adding 77,269 each time would give 19,703,595.
    assert_eq!(last.stamp.as_micros(), 19_703_556);
}

/// Every file below `folder`.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn several_radars_are_an_error_that_lists_them() {
    let scratch = Scratch::new("several-radars");
    small_recording(&scratch, "RadarIfxAvian_00");
    let second = small_recording(&scratch, "RadarIfxAvian_01");
    let error = sensor::open(scratch.path()).err().unwrap().to_string();
    assert!(error.contains("RadarIfxAvian_00, RadarIfxAvian_01"), "{error}");
    assert_eq!(frames(&mut *sensor::open(&second).unwrap()).len(), 5);
}

#[test]
fn an_empty_folder_and_a_missing_config_say_what_is_missing() {
    let scratch = Scratch::new("missing-files");
    assert!(open_error(scratch.path(), "infineon").contains("radar.npy"));
    let folder = small_recording(&scratch, "device");
    fs::remove_file(folder.join("config.json")).unwrap();
    assert!(open_error(&folder, "infineon").contains("config.json"));
    assert!(sensor::detect(&folder).is_err());
}

// ---- TI ----

fn sidecar(rx: usize, chirps: usize, samples: usize, extra: &str) -> String {
    let rx: Vec<usize> = (1..=rx).collect();
    format!(
        "rx-antennas = {rx:?}\nchirps = {chirps}\nsamples = {samples}\ncomplex = true\n\
         start-frequency-ghz = 77.0\nslope-mhz-per-us = 70.0\nsample-rate-ksps = 5209.0\n\
         chirp-period-us = 64.14\nframe-period-ms = 100.0\n{extra}\n"
    )
}

/// Payloads of the DCA1000 data datagrams in a capture, each at its byte count.
fn adc_data(pcap: &[u8]) -> Vec<u8> {
    const FILE_HEADER: usize = 24;
    const UDP_IN_IP: u8 = 17;
    const DATA_PORT: u16 = 4098;
    let mut out = Vec::new();
    let mut rest = &pcap[FILE_HEADER..];
    while !rest.is_empty() {
        let length = usize::try_from(u32::from_le_bytes(rest[8..12].try_into().unwrap())).unwrap();
        let ip = &rest[16 + 14..16 + length];
        rest = &rest[16 + length..];
        let udp = &ip[usize::from(ip[0] & 15) * 4..];
        if ip[9] != UDP_IN_IP || u16::from_be_bytes([udp[2], udp[3]]) != DATA_PORT {
            continue;
        }
        let datagram = &udp[8..usize::from(u16::from_be_bytes([udp[4], udp[5]]))];
        let mut count = [0; 8];
        count[..6].copy_from_slice(&datagram[4..10]);
        let at = usize::try_from(u64::from_le_bytes(count)).unwrap();
        let payload = &datagram[10..];
        out.resize(out.len().max(at + payload.len()), 0);
        out[at..at + payload.len()].copy_from_slice(payload);
    }
    out
}

#[test]
fn a_dca1000_capture_equals_the_published_samples() {
    let Some(folder) = support::shared("radar/dca1000_pcap") else { return };
    let scratch = Scratch::new("dca1000");
    let data = adc_data(&fs::read(folder.join("test_one_frame.pcap")).unwrap());
    assert_eq!(data.len(), 16_384);
    let bin = scratch.put("adc_data.bin", &data);
    let toml = scratch.put("adc_data.toml", sidecar(1, 16, 256, "lanes = 2\niq-order = 'qi'"));

    let reference: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("ref/ref.json")).unwrap()).unwrap();
    let iq = Array::read(&folder.join("ref/iq.npy"));
    for path in [bin, toml] {
        let mut sensor = sensor::open(&path).unwrap();
        assert_eq!(sensor.description().kind, "ti-bin");
        assert!(!noted(sensor.description(), "WARNING"), "{:?}", sensor.description().notes);
        let View::Radar(chirps) = &sensor.description().view else { panic!("no radar") };
        let peak = reference["peak_range_m"].as_f64().unwrap();
        assert!((chirps.range_resolution().0 * 59.0 - peak).abs() < 1e-9);

        let frames = frames(&mut *sensor);
        assert_eq!(frames.len(), 1);
        let got: Vec<[f64; 2]> = complex(&frames[0]).iter().map(|iq| iq.map(f64::from)).collect();
        assert_eq!(got, iq.values);
        for (index, value) in reference["upstream_expected"].as_object().unwrap() {
            let index: usize = index.parse().unwrap();
            assert_eq!(Some(got[index][0]), value[0].as_f64(), "I of sample {index}");
            assert_eq!(Some(got[index][1]), value[1].as_f64(), "Q of sample {index}");
        }
        assert!(sensor.counts().is_empty());
    }
}

#[test]
fn swapped_i_and_q_are_a_visible_and_counted_warning() {
    let Some(folder) = support::shared("radar/dca1000_pcap") else { return };
    let scratch = Scratch::new("swapped");
    let data = adc_data(&fs::read(folder.join("test_one_frame.pcap")).unwrap());
    let bin = scratch.put("adc_data.bin", data);
    scratch.put("adc_data.toml", sidecar(1, 16, 256, "lanes = 2\niq-order = 'iq'"));
    let sensor = sensor::open(&bin).unwrap();
    assert!(noted(sensor.description(), "try iq-order = \"qi\""));
    assert_eq!(sensor.counts().get("iq-order-doubtful"), 1);
}

/// A sample of `openradar_presense`: complex128 that holds what were `i16` as `u16`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 65535 there")]
fn wrap(value: f64) -> i16 {
    (value as u16).cast_signed()
}

/// `cube[chirp, rx, sample]` in the order of the lanes, I first or Q first.
fn pack(cube: &[[i16; 2]], rx: usize, samples: usize, lanes: usize, q_first: bool) -> Vec<u8> {
    let group = if lanes == 4 { 4 } else { 2 };
    let mut ordered = cube.to_vec();
    if lanes == 4 {
        for chirp in ordered.chunks_mut(rx * samples) {
            let by_rx = chirp.to_vec();
            for (at, sample) in chirp.iter_mut().enumerate() {
                *sample = by_rx[(at % rx) * samples + at / rx];
            }
        }
    }
    let parts = if q_first { [1, 0] } else { [0, 1] };
    let words = ordered.chunks(group).flat_map(|samples| {
        parts.into_iter().flat_map(|part| samples.iter().map(move |s| s[part]))
    });
    words.flat_map(i16::to_le_bytes).collect()
}

/// Three real cubes, packed by the rules of SWRA581 for every order, come back sample for sample.
#[test]
fn cubes_of_every_geometry_come_back_and_only_the_wrong_order_warns() {
    let Some(folder) = support::shared("radar/openradar_presense") else { return };
    let scratch = Scratch::new("geometries");
    let cases = [
        ("doppler_example", 128, 1, 256, 2),
        ("doppler_example_1", 128, 8, 128, 2),
        ("simple_frame_1", 128, 1, 128, 2),
        // Eight receivers as two transmitters of a 4-lane device with four.
        ("doppler_example_1", 256, 4, 128, 4),
    ];
    for (name, slots, rx, samples, lanes) in cases {
        let file = Array::read(&folder.join(format!("{name}.npy")));
        let cube: Vec<[i16; 2]> = file.values.iter().map(|&iq| iq.map(wrap)).collect();
        assert_eq!(cube.len(), slots * rx * samples);
        for (packed, stated) in [(false, "iq"), (true, "qi"), (false, "qi")] {
            let swapped = packed != (stated == "qi");
            let bin = scratch.put("adc.bin", pack(&cube, rx, samples, lanes, packed));
            let extra = format!("lanes = {lanes}\niq-order = '{stated}'");
            scratch.put("adc.toml", sidecar(rx, slots, samples, &extra));
            let mut sensor = sensor::open(&bin).unwrap();
            assert_eq!(noted(sensor.description(), "WARNING"), swapped, "{name} {packed} {stated}");
            let frames = frames(&mut *sensor);
            assert_eq!(frames.len(), 1);
            let got = complex(&frames[0]);
            for (at, &[i, q]) in cube.iter().enumerate() {
                let place = [at / samples % rx, at / samples / rx, at % samples];
                assert_eq!(got[place], if swapped { [q, i] } else { [i, q] }, "{name} {place:?}");
            }
        }
    }
}

#[test]
fn frames_are_counted_by_the_file_size_and_a_tail_is_counted() {
    let scratch = Scratch::new("ti-tail");
    scratch.put("a.toml", sidecar(1, 2, 4, "lanes = 2\ntransmitters = 1"));
    let frame_bytes = 2 * 4 * 4;
    for (length, whole, tail) in [(0, 0, 0), (31, 0, 31), (64, 2, 0), (101, 3, 5)] {
        let bin = scratch.put("a.bin", vec![1; length]);
        let mut sensor = sensor::open(&bin).unwrap();
        assert_eq!(noted(sensor.description(), "odd file size"), length % 2 == 1);
        let frames = frames(&mut *sensor);
        assert_eq!(frames.len(), whole, "{length} bytes, frames of {frame_bytes}");
        assert_eq!(sensor.counts().get("partial-frame-bytes"), tail);
        assert!(frames.iter().zip(0..).all(|(f, n)| f.stamp.as_micros() == n * 100_000));
    }
}

#[test]
fn a_sidecar_with_a_wrong_key_is_not_recognised_and_opening_names_the_key() {
    let scratch = Scratch::new("ti-key");
    let bin = scratch.put("a.bin", [0; 64]);
    scratch.put("a.toml", sidecar(1, 2, 4, "lanes = 2\nantennas = 3"));
    assert!(sensor::detect(&bin).is_err());
    let error = open_error(&bin, "ti-bin");
    assert!(error.contains("antennas") && error.contains("a.toml"), "{error}");
}
