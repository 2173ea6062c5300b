//! Networks of a bundle inside the pipeline: what is asked, when, and what becomes of the answers.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;

use ndarray::Array3;
use visaged::data::message::NetworkState::{self, Active, NoCalibration, NoIdentity, NoSensor};
use visaged::data::message::{
    ExpressionLabel, ExpressionState, IdentityState, Message, Payload, Status, UnknownReason,
};
use visaged::data::{ChirpConfig, Counts, Epoch, RadarFrame, Reading, Samples, Source, View};
use visaged::fusion::Routing;
use visaged::model::Bundle;
use visaged::pipeline::{
    Config, EventConfig, EventInputs, Pipeline, PlanError, Question, RadarInputConfig,
    RadarNetworks, Roles,
};
use visaged::sensor;
use visaged::units::{Micros, Stamp};

use crate::bundle::{self, EXPRESSION, Net, auth, dynamic, event, gate, identity, still};
use crate::recording;
use crate::scratch::Scratch;

/// What the sensors of the shipped scene deliver, and who they are.
struct Scene {
    sources: [Source; 2],
    readings: [Vec<Reading>; 2],
}

/// Somebody comes, sits from second 4 to 15, and goes; read once.
fn scene() -> &'static Scene {
    static SCENE: OnceLock<Scene> = OnceLock::new();
    SCENE.get_or_init(|| {
        let folder = Path::new("configs/scenes/demo");
        let mut open = ["radar", "event.raw"].map(|name| sensor::open(&folder.join(name)).unwrap());
        let source = |sensor: &dyn sensor::Sensor, name: &str| Source {
            name: name.to_owned(),
            view: sensor.description().view.clone(),
            epoch: Epoch::Unix,
        };
        let sources = [source(&*open[0], "radar"), source(&*open[1], "camera")];
        let readings = [0, 1].map(|number| {
            let sensor = &mut open[number];
            std::iter::from_fn(|| sensor.read().unwrap()).collect()
        });
        Scene { sources, readings }
    })
}

fn chirp() -> &'static ChirpConfig {
    let View::Radar(chirp) = &scene().sources[0].view else { panic!("no radar") };
    chirp
}

fn frames() -> impl Iterator<Item = &'static RadarFrame> {
    scene().readings[0].iter().map(|reading| match reading {
        Reading::Radar(frame) => frame,
        other => panic!("{other:?}"),
    })
}

/// The scene through a pipeline with `bundle`.
fn play(bundle: Option<Bundle>) -> Vec<Message> {
    let scene = scene();
    let mut pipeline = Pipeline::plan(&Config::default(), &scene.sources, bundle).unwrap();
    let mut next = [0; 2];
    let mut out = Vec::new();
    while let Some(source) = pipeline.hungry() {
        match scene.readings[source].get(next[source]) {
            Some(reading) => pipeline.push(source, reading.clone(), &mut out),
            None => pipeline.end(source, &mut out),
        }
        next[source] += 1;
    }
    out
}

fn roles(name: &str, nets: &[Net]) -> Roles {
    Roles::of(bundle::load(name, "", nets)).unwrap()
}

fn networks(roles: Roles, routing: Routing) -> RadarNetworks {
    let Roles { auth, faces, inputs, .. } = roles;
    RadarNetworks::plan(&inputs, chirp(), auth.unwrap(), faces, routing).unwrap()
}

/// The same, but identity is seen in each frame by itself: what comes of it can be foretold.
fn single_frames(roles: Roles, routing: Routing) -> RadarNetworks {
    let inputs = RadarInputConfig { identity_frames: 1, ..roles.inputs };
    networks(Roles { inputs, ..roles }, routing)
}

/// Mean and deviation of the score while the person of the scene sits still, as `bundle::auth`
/// gives it.
fn seated() -> (f64, f64) {
    static SEATED: OnceLock<(f64, f64)> = OnceLock::new();
    *SEATED.get_or_init(|| measured(roles("seated", &[auth()])))
}

/// The same of the networks and inputs of `roles`.
fn measured(roles: Roles) -> (f64, f64) {
    let mut networks = networks(roles, Routing::Hard);
    let mut counts = Counts::default();
    let scores: Vec<f64> = frames()
        .filter_map(|frame| {
            let scores = networks.run(frame, Question::Identity, &mut counts)?;
            (120..260).contains(&frame.number).then_some(f64::from(scores.stranger))
        })
        .collect();
    assert!(counts.is_empty(), "{counts:?}");
    let count = f64::from(u32::try_from(scores.len()).unwrap());
    let mean = scores.iter().sum::<f64>() / count;
    let variance = scores.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
    (mean, variance.sqrt())
}

/// The person of the scene is the enrolled one.
fn enrolled() -> String {
    let (mean, deviation) = seated();
    identity(mean, mean + 8.0 * deviation, deviation)
}

/// The person of the scene is as strange as the reference impostors.
fn stranger() -> String {
    let (mean, deviation) = seated();
    identity(mean - 8.0 * deviation, mean, deviation)
}

fn everything() -> Vec<Net> {
    vec![auth(), gate(), dynamic(), still(), event()]
}

/// Every identity that was said, with its second.
fn identities(messages: &[Message]) -> Vec<(f64, IdentityState)> {
    let said = messages.iter().filter_map(|message| match &message.payload {
        Payload::Identity(identity) => {
            Some((Micros(message.recorded.as_micros()).as_seconds(), identity.state))
        }
        _ => None,
    });
    said.collect()
}

fn labels(messages: &[Message]) -> Vec<ExpressionLabel> {
    let shown = messages.iter().filter_map(|message| match &message.payload {
        Payload::Expression(expression) => expression.label,
        _ => None,
    });
    shown.collect()
}

fn last_status(messages: &[Message]) -> &Status {
    let status = messages.iter().rev().find_map(|message| match &message.payload {
        Payload::Status(status) => Some(status),
        _ => None,
    });
    status.unwrap()
}

#[test]
fn whoever_scores_like_the_enrolled_person_is_let_in_while_seated() {
    // Over less than the scene lasts, so that the mean comes to rest.
    let radar = radar_table("identity-frames = 50\nleast-identity-frames = 25");
    let (mean, deviation) = measured(Roles::of(bundle::load("rested", &radar, &[auth()])).unwrap());
    let tables = radar + &identity(mean, mean + 8.0 * deviation, deviation);
    let messages = play(Some(bundle::load("enrolled", &tables, &[auth()])));
    let said = identities(&messages);
    let seated: Vec<_> = said.iter().filter(|(at, _)| (9.0..13.0).contains(at)).collect();
    let count = seated.iter().filter(|(_, state)| *state == IdentityState::Enrolled).count();
    assert!(10 * count > 9 * seated.len(), "enrolled in {count} of {}", seated.len());
    let of = |state| said.iter().filter(|(at, said)| *at < 15.0 && *said == state).count();
    assert_eq!(of(IdentityState::Unknown), 0);
    assert!(of(IdentityState::Nobody) > 20 && of(IdentityState::Checking) > 20);
}

#[test]
fn whoever_scores_like_the_reference_is_not_let_in_and_is_never_classified() {
    let nets = everything();
    let messages = play(Some(bundle::load("stranger", &(stranger() + EXPRESSION), &nets)));
    let said = identities(&messages);
    let of = |state| said.iter().filter(|(_, said)| *said == state).count();
    assert_eq!(of(IdentityState::Enrolled), 0);
    assert!(of(IdentityState::NotEnrolled) > 40, "{}", of(IdentityState::NotEnrolled));
    let closed = messages.iter().all(|message| match &message.payload {
        Payload::Expression(expression) => expression.state == ExpressionState::Closed,
        Payload::Interval(_) => false,
        _ => true,
    });
    assert!(closed);
}

#[test]
fn a_face_is_told_by_the_radar_alone_by_the_camera_alone_and_by_both() {
    let face = |name: &str, nets: &[Net]| {
        let tables = enrolled() + EXPRESSION;
        let messages = play(Some(bundle::load(name, &tables, nets)));
        let mut labels = labels(&messages);
        assert!(labels.len() > 1, "{name}: {labels:?}");
        labels.dedup();
        labels
    };
    let radar = face("face-radar", &[auth(), gate(), dynamic(), still()]);
    assert_eq!(radar, [ExpressionLabel::Shock]);
    // Its first class is anger: names count, not places.
    assert_eq!(face("face-event", &[auth(), event()]), [ExpressionLabel::Anger]);
    // Where both are sure and differ, neither is believed; where they agree, both are.
    let agreeing = event().leaning(&[0.0, 0.0, 50.0, 0.0]);
    let both = face("face-both", &[auth(), gate(), dynamic(), still(), agreeing]);
    assert_eq!(both, [ExpressionLabel::Shock]);
}

/// A network whose scores overflow.
fn broken(mut net: Net) -> Net {
    for name in ["head.weight", "head.bias"] {
        net.weights.get_mut(name).unwrap().1.fill(f32::MAX);
    }
    net
}

#[test]
fn expression_networks_run_only_while_a_lease_holds_and_their_failures_are_counted() {
    let nets = || [auth(), broken(gate()), dynamic(), still(), broken(event())];
    let counts = |name: &str, tables: String| {
        let messages = play(Some(bundle::load(name, &(tables + EXPRESSION), &nets())));
        let said = identities(&messages);
        let enrolled = said.iter().filter(|(_, state)| *state == IdentityState::Enrolled).count();
        let dropped = &last_status(&messages).dropped;
        assert!(labels(&messages).is_empty());
        (enrolled, dropped.get("gate-not-finite"), dropped.get("event-network-not-finite"))
    };
    let (leased, gate_runs, windows) = counts("broken-enrolled", enrolled());
    // The gate runs from the frame after the one that has brought the lease.
    let leased = u64::try_from(leased).unwrap();
    assert!(leased > 80);
    // Where the authentication has not seen enough yet, the gate is not asked either.
    assert!((leased / 2..=leased).contains(&gate_runs), "{gate_runs} of {leased} frames");
    // A window ends every 100 ms, a frame every 50 ms; windows without an event are left out.
    assert!((leased / 4..=leased / 2 + 4).contains(&windows), "{windows} in {leased} frames");
    assert_eq!(counts("broken-stranger", stranger()), (0, 0, 0));
}

#[test]
fn the_same_recording_gives_the_same_messages_twice() {
    let once = || play(Some(bundle::load("twice", &(enrolled() + EXPRESSION), &everything())));
    let (first, second) = (once(), once());
    assert!(!labels(&first).is_empty());
    assert_eq!(first, second);
}

#[test]
fn the_status_says_which_networks_are_asked_and_what_they_were_trained_on() {
    let states = |name: &str, tables: &str, nets: &[Net], sources: &[Source]| {
        let bundle = bundle::load(name, tables, nets);
        let digest = bundle.digest.to_string();
        let mut pipeline = Pipeline::plan(&Config::default(), sources, Some(bundle)).unwrap();
        let mut out = Vec::new();
        let readings = if sources.len() == 1 { &scene().readings[1] } else { &scene().readings[0] };
        let mut readings = readings.iter();
        let lacks = |out: &[Message], stream| !out.iter().any(|m| m.payload.stream() == stream);
        while lacks(&out, "status") || lacks(&out, "identity") {
            pipeline.push(0, readings.next().unwrap().clone(), &mut out);
            (1..sources.len()).for_each(|source| pipeline.end(source, &mut out));
        }
        let status = last_status(&out);
        assert_eq!(status.bundle.as_deref(), Some(&*digest));
        let networks = status.networks.iter().map(|network| {
            assert_eq!(network.trained_on, "nothing: random numbers");
            (network.role.clone(), network.state)
        });
        let reason = out.iter().find_map(|message| match &message.payload {
            Payload::Identity(identity) => Some(identity.reason),
            _ => None,
        });
        (networks.collect::<Vec<_>>(), reason.flatten())
    };
    let sources = &scene().sources;
    let full = enrolled() + EXPRESSION;
    let rows = |states: [NetworkState; 5]| {
        let roles = ["auth", "gate", "expert-dynamic", "expert-static", "event"];
        roles.into_iter().map(str::to_owned).zip(states).collect::<Vec<_>>()
    };
    let nets = everything();
    let (told, reason) = states("status-full", &full, &nets, sources);
    assert_eq!((told, reason), (rows([Active; 5]), None));
    let (told, reason) = states("status-identity", &enrolled(), &nets, sources);
    let silent = NoCalibration;
    assert_eq!((told, reason), (rows([Active, silent, silent, silent, silent]), None));
    let (told, reason) = states("status-expression", EXPRESSION, &nets, sources);
    let idle = NoIdentity;
    let no_network = Some(UnknownReason::NoNetwork);
    assert_eq!((told, reason), (rows([silent, idle, idle, idle, idle]), no_network));
    let (told, reason) = states("status-camera", &full, &nets, &sources[1..]);
    assert_eq!(told, rows([NoSensor, NoSensor, NoSensor, NoSensor, NoIdentity]));
    assert_eq!(reason, Some(UnknownReason::NoRadar));
    let (told, reason) = states("status-event", EXPRESSION, &nets[4..], sources);
    assert_eq!((told, reason), (vec![("event".to_owned(), NoIdentity)], no_network));
}

#[test]
fn networks_that_do_not_fit_together_are_refused_with_what_to_do() {
    let mut uncalibrated = auth();
    uncalibrated.more.clear();
    let mut odd_terms = auth();
    odd_terms.classes.swap(0, 1);
    let mut hot = gate();
    hot.more = "temperature = 2.0\n".to_owned();
    let named = |mut net: Net, classes: &[&'static str]| {
        net.classes = classes.to_vec();
        net
    };
    let held = |mut net: Net, role: &'static str| {
        net.role = role;
        net
    };
    let full = enrolled() + EXPRESSION;
    let cases: Vec<(&str, Vec<Net>, &[&str])> = vec![
        ("", vec![held(auth(), "fooder_auth")], &["`fooder_auth`", "auth, gate"]),
        ("", vec![held(gate(), "event")], &["`event`", "`cs3d`", "`fooder_gate`"]),
        ("", vec![uncalibrated], &["`auth`", "[network.calibration]"]),
        ("", vec![odd_terms], &["`auth`", "image.range-doppler"]),
        ("", vec![gate()], &["`gate`", "without expert-dynamic, expert-static"]),
        ("", vec![dynamic(), still()], &["`expert-dynamic`", "without gate"]),
        ("", vec![gate(), still()], &["`gate`", "without expert-dynamic;"]),
        ("", vec![hot, dynamic(), still()], &["`gate`", "expression.gate-temperature"]),
        (
            "",
            vec![gate(), named(dynamic(), &["smile", "anger"]), still()],
            &["`expert-dynamic`", "smile, shock", "anger"],
        ),
        ("", vec![named(event(), &["smile"; 4])], &["`event`", "smile, shock, neutral, anger"]),
        (&full, vec![event()], &["`auth`", "[identity]"]),
        (EXPRESSION, vec![auth()], &["`event`", "[expression]"]),
    ];
    for (number, (tables, nets, words)) in cases.iter().enumerate() {
        let bundle = bundle::load(&format!("unfit-{number}"), tables, nets);
        let refused = Pipeline::plan(&Config::default(), &scene().sources, Some(bundle));
        let Err(error @ PlanError::Network { .. }) = refused else { panic!("case {number}") };
        let message = error.to_string();
        for word in *words {
            assert!(message.contains(word), "{word} is not in: {message}");
        }
    }
}

#[test]
fn a_bundle_for_other_chirps_is_refused_by_name() {
    let tables = "[radar]\nrx = 3\nchirps = 64\nsamples = 128\ncenter-ghz = 60.75\n\
                  bandwidth-mhz = 1000\nchirp-period-us = 391.55\nframe-period-ms = 50\n";
    let bundle = bundle::load("chirps", tables, &[auth()]);
    let refused = Pipeline::plan(&Config::default(), &scene().sources, Some(bundle));
    let Err(error) = refused else { panic!("a bundle for other chirps was accepted") };
    let message = error.to_string();
    for word in ["`radar`", "chirps per frame", "has 16, the bundle was made for 64"] {
        assert!(message.contains(word), "{word} is not in: {message}");
    }
}

#[test]
fn a_bundle_for_other_windows_of_evidence_or_faces_is_refused_with_the_key_to_set() {
    let told = |name: &str, tables: &str, config: &str| {
        let config: Config = toml::from_str(config).unwrap();
        let bundle = bundle::load(name, tables, &[auth(), event()]);
        let planned = Pipeline::plan(&config, &scene().sources, Some(bundle));
        planned.err().map(|error| error.to_string())
    };
    let identity = identity(0.0, 8.0, 1.0);
    let windows = identity.replace("[identity]\n", "[identity]\nwindow-ms = 400\n");
    let event = "[event]\nwindow-ms = 320\nbackground-activity-us = 5000\n";
    let face = |memory: u32| format!("{identity}{EXPRESSION}{event}face.memory-ms = {memory}\n");
    let windows = format!("{windows}{EXPRESSION}");
    let refused = told("evidence-400", &windows, "").unwrap();
    assert!(refused.contains("over 400 ms, and `decision.window-ms` is 500"), "{refused}");
    assert_eq!(told("evidence-same", &windows, "decision.window-ms = 400"), None);
    let refused = told("face-3000", &face(3000), "").unwrap();
    assert!(refused.contains("face.memory-ms is 400, the bundle was made for 3000"), "{refused}");
    assert_eq!(told("face-same", &face(3000), "event.face.memory-ms = 3000"), None);
    let unknown = face(400).replace("memory-ms", "colour");
    let refused = told("face-unknown", &unknown, "").unwrap();
    assert!(refused.contains("face.colour is not known"), "{refused}");
}

/// The table `[radar]` of the scene with `inputs`.
fn radar_table(inputs: &str) -> String {
    let chirp = chirp();
    format!(
        "[radar]\nrx = 3\nchirps = {}\nsamples = {}\ncenter-ghz = {}\nbandwidth-mhz = {}\n\
         chirp-period-us = {}\nframe-period-ms = 50\n[radar.inputs]\n{inputs}\n",
        chirp.chirps,
        chirp.samples,
        chirp.center().0 / 1e9,
        chirp.bandwidth().0 / 1e6,
        chirp.chirp_period.0 * 1e6,
    )
}

#[test]
fn inputs_are_made_as_the_bundle_says_and_not_as_the_daemon_is_set() {
    let near = "crop.max-range-m = 0.6";
    let roles = Roles::of(bundle::load("inputs-near", &radar_table(near), &[auth()])).unwrap();
    assert_eq!(roles.inputs.range_doppler, RadarInputConfig::default().range_doppler);
    assert_ne!(roles.inputs.crop, RadarInputConfig::default().crop);
    let scores = |roles: Roles| {
        let mut networks = single_frames(roles, Routing::Hard);
        let mut counts = Counts::default();
        let scores = frames().take(120).filter_map(|frame| {
            networks.run(frame, Question::Identity, &mut counts).map(|scores| scores.stranger)
        });
        scores.collect::<Vec<f32>>()
    };
    let (near, whole) = (scores(roles), scores(self::roles("inputs-whole", &[auth()])));
    assert_eq!((near.len(), whole.len()), (113, 113));
    assert!(near.iter().zip(&whole).any(|(near, whole)| (near - whole).abs() > 1e-3));

    let wrong = bundle::load("inputs-wrong", &radar_table("crop.max-range = 0.6"), &[auth()]);
    let Err(error) = Roles::of(wrong) else { panic!("an unknown key was accepted") };
    let message = error.to_string();
    for word in ["manifest.toml", "line 12", "max-range", "max-range-m"] {
        assert!(message.contains(word), "{word} is not in: {message}");
    }
    let padding = radar_table("range-doppler.range-zero-padding = 99");
    let bundle = bundle::load("inputs-padding", &(padding + &enrolled()), &[auth()]);
    let refused = Pipeline::plan(&Config::default(), &scene().sources, Some(bundle));
    let Err(error @ PlanError::Inputs { .. }) = refused else { panic!("99-fold was accepted") };
    assert!(error.to_string().contains("`radar`, with `[radar.inputs]`"), "{error}");
}

/// A frame of the scene's radar with a pattern of its own.
fn frame(number: u64) -> RadarFrame {
    let shape = (chirp().rx_antennas.len(), chirp().chirps, chirp().samples);
    let samples = Array3::from_shape_fn(shape, |(rx, chirp, sample)| {
        let number = usize::try_from(number).unwrap();
        i16::try_from((rx * 91 + chirp * 37 * (number + 1) + sample * 13) % 4096).unwrap()
    });
    let stamp = Stamp::from_micros(i64::try_from(number).unwrap() * 50_000);
    RadarFrame { number, stamp, samples: Samples::Real(samples), has_holes: false }
}

#[test]
fn frames_with_holes_and_missing_frames_give_no_score_until_a_block_is_whole_again() {
    let mut networks = single_frames(roles("holes", &[auth()]), Routing::Hard);
    let mut counts = Counts::default();
    let mut scored = Vec::new();
    for number in (0..20).chain(23..40) {
        let mut frame = frame(number);
        frame.has_holes = number == 10;
        if networks.run(&frame, Question::Identity, &mut counts).is_some() {
            scored.push(number);
        }
    }
    // Eight frames make a block.
    let expected: Vec<u64> = (7..10).chain(18..20).chain(30..40).collect();
    assert_eq!(scored, expected);
    assert_eq!(counts.get("radar-input-restarted"), 2);
}

#[test]
fn hard_routing_asks_the_expert_that_the_gate_picks_and_soft_routing_both() {
    let experts = |routing, question| {
        let nets = [auth(), gate(), dynamic(), still()];
        let mut networks = single_frames(roles("routing", &nets), routing);
        let mut counts = Counts::default();
        let said = (0..8).filter_map(|n| networks.run(&frame(n), question, &mut counts)).last();
        said.unwrap().expression.map(|face| (face.gate, face.dynamic, face.still))
    };
    let all = Question::IdentityAndExpression;
    assert_eq!(experts(Routing::Soft, Question::Identity), None);
    let Some((gate, Some(hard), None)) = experts(Routing::Hard, all) else { panic!() };
    let Some((same, Some(soft), Some(still))) = experts(Routing::Soft, all) else { panic!() };
    assert_eq!(gate.map(f32::to_bits), same.map(f32::to_bits));
    assert_eq!(hard.map(f32::to_bits), soft.map(f32::to_bits));
    assert!(gate[0] > gate[1] && hard[1] > 0.99, "{gate:?} {hard:?}");
    assert!((still[0] + still[1] - 1.0).abs() < 1e-6);
}

#[test]
fn the_event_network_answers_each_window_with_probabilities_and_a_rate() {
    let View::Event(geometry) = scene().sources[1].view else { panic!("no camera") };
    let mut inputs = EventInputs::plan(&EventConfig::default(), geometry);
    let mut network = roles("windows", &[event()]).event.unwrap();
    let mut counts = Counts::default();
    let mut ends = Vec::new();
    let batches = scene().readings[1].iter().filter_map(|reading| match reading {
        Reading::Events(batch) => Some(batch),
        _ => None,
    });
    for event in batches.flat_map(|batch| &batch.events).take_while(|event| event.t < 6_000_000) {
        inputs.push(*event, |window, voxels| {
            let scores = network.run(&window, voxels, &mut counts).unwrap();
            let sum: f32 = scores.probabilities.iter().sum();
            assert!((sum - 1.0).abs() < 1e-5 && scores.probabilities[3] > 0.9, "{scores:?}");
            let rate = f64::from(window.events) / 0.32;
            assert!((f64::from(scores.rate_ev_s) - rate).abs() <= 1e-6 * rate);
            ends.push(window.end);
        });
    }
    assert!(ends.len() > 30, "{} windows", ends.len());
    assert!(ends.windows(2).all(|pair| (pair[1] - pair[0]) % 100_000 == 0 && pair[1] > pair[0]));
    assert!(counts.is_empty(), "{counts:?}");
}

fn visaged(args: &[&str], paths: &[&Path]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_visaged")).args(args).args(paths).output().unwrap()
}

#[test]
fn check_loads_the_bundle_and_a_recorded_run_replays_with_no_other() {
    let folder = Scratch::new("networks-commands");
    let [radar, camera] = recording::scene(&folder, 2);
    bundle::write(&folder, &(enrolled() + EXPRESSION), &everything());
    let digest = Bundle::load(&folder.path().join("bundle")).unwrap().digest.to_string();
    let config = folder.put(
        "config.toml",
        format!(
            "[[sensor]]\nname = \"radar\"\nkind = \"infineon\"\nsettings.path = {radar:?}\n\
             [[sensor]]\nname = \"camera\"\nkind = \"evt\"\nsettings.path = {camera:?}\n\
             [model]\nbundle = \"bundle\"\n[record]\nfolder = \"recordings\"\n"
        ),
    );
    let check = || visaged(&["check", "--config"], &[&config]);
    let said = String::from_utf8(check().stdout).unwrap();
    assert!(said.contains(&digest), "{said}");
    assert!(visaged(&["record", "--quiet", "--config"], &[&config]).status.success());
    let recordings = recording::recordings(&folder.path().join("recordings"));
    let [recorded] = &recordings[..] else { panic!("{recordings:?}") };
    let replay =
        |args: &[&str]| visaged(&[&["replay", "--no-publish"], args].concat(), &[recorded]);
    let (first, second) = (replay(&[]), replay(&[]));
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    assert!(first.stdout == second.stdout);
    let said = String::from_utf8(first.stdout).unwrap();
    assert!(said.contains(&digest) && said.contains("nothing: random numbers"), "{said}");
    assert!(said.contains("\"state\":\"nobody\""), "identity is not asked about");

    // The same networks with another word in the manifest are another bundle.
    bundle::write(&folder, &format!("# changed\n{}{EXPRESSION}", enrolled()), &everything());
    let refused = replay(&[]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && said.contains(&digest), "{said}");
    let other = replay(&["--config", config.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(other.status.success() && said.contains("another bundle"), "{said}");

    bundle::write(&folder, "", &[gate()]);
    let refused = check();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(3) && said.contains("without expert-dynamic"), "{said}");
}

#[test]
fn what_is_averaged_for_identity_is_forgotten_with_whoever_leaves() {
    let roles = roles("leaves", &[auth()]);
    let inputs = RadarInputConfig { identity_frames: 10, least_identity_frames: 5, ..roles.inputs };
    let mut networks = networks(Roles { inputs, ..roles }, Routing::Hard);
    let mut counts = Counts::default();
    // The person of the scene sits there all the time, and still towards the end; one frame is said to be empty.
    let seated = frames().filter(|frame| (140..260).contains(&frame.number));
    let scored: Vec<bool> = seated
        .enumerate()
        .map(|(n, frame)| {
            let question = if n == 90 { Question::Nobody } else { Question::Identity };
            networks.run(frame, question, &mut counts).is_some()
        })
        .collect();
    assert!(scored[80..90].iter().all(|&is| is), "{scored:?}");
    // Half of the frames that are averaged must be there again.
    assert_eq!(scored[90..96], [false, false, false, false, false, true], "{scored:?}");
    assert!(counts.is_empty(), "{counts:?}");
}
