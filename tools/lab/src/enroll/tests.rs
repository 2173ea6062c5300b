//! What recordings allow, and the whole way on a small set of simulated persons.

use clap::Parser;

use super::*;
use crate::dataset::{Conditions, Dataset, Device, Expression, Label, Recording, SCHEMA, Scene};
use crate::testing::Folder;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

fn recording(person: &str, session: u32, poses: &[Expression]) -> Recording {
    let label = |(at, &expression): (f64, &Expression)| Label {
        expression,
        onset: at,
        apex: at + 0.2,
        offset: at + 0.5,
        end: at + 0.7,
    };
    Recording {
        id: format!("{person}-{session}"),
        person: Some(person.to_owned()),
        session,
        day: 0,
        seconds: 60.0,
        radar: Some(format!("{person}/{session}/all.mcap").into()),
        event: Some(format!("{person}/{session}/all.mcap").into()),
        device: Device { radar: None, event: None },
        conditions: Conditions {
            scene: Scene::Person,
            distance: None,
            glasses: false,
            nuisances: vec![],
        },
        labels: [1.0, 2.0, 3.0, 4.0].into_iter().zip(poses).map(label).collect(),
    }
}

const ALL: [Expression; 4] =
    [Expression::Smile, Expression::Shock, Expression::Neutral, Expression::Anger];

fn needs(recordings: Vec<Recording>) -> Result<Needs> {
    let folder = Folder::new("needs");
    let (name, consent, origin) = ("kitchen".into(), "simulated".into(), "test".into());
    let set = Dataset { schema: SCHEMA, name, consent, origin, recordings };
    set.write(&folder.0)?;
    let file = folder.0.join("split.toml");
    let split = Split::by_rule(&file, std::slice::from_ref(&folder.0), "anna")?;
    Needs::of(&split, &split.members(&file)?)
}

fn anna(poses: &[Expression]) -> Vec<Recording> {
    (0..4).map(|session| recording("anna", session, poses)).collect()
}

#[test]
fn all_networks_learn_if_there_are_both_sensors_labels_and_others() {
    let mut recordings = anna(&ALL);
    recordings.extend(["bob", "carl"].map(|person| recording(person, 0, &[])));
    let needs = needs(recordings).unwrap();
    assert_eq!(needs, Needs { tasks: Task::ALL.to_vec(), remarks: vec![] });
}

#[test]
fn without_anybody_else_it_says_what_cannot_be_measured_and_what_to_do() {
    let refused = needs(anna(&ALL)).unwrap_err().to_string();
    for part in ["nobody but anna", "AUROC", "false accepts", "visaged enroll --guided"] {
        assert!(refused.contains(part), "{refused}");
    }
}

#[test]
fn with_one_other_person_nobody_is_left_for_the_test_and_it_says_so() {
    let mut recordings = anna(&ALL);
    recordings.push(recording("bob", 0, &[]));
    let needs = needs(recordings).unwrap();
    assert_eq!(needs.tasks, Task::ALL);
    assert!(needs.remarks.iter().any(|remark| remark.contains("AUROC")), "{:?}", needs.remarks);
}

#[test]
fn what_the_data_do_not_show_is_not_trained() {
    let others = || ["bob", "carl"].map(|person| recording(person, 0, &[]));
    let mut smiles = anna(&[Expression::Smile]);
    smiles.extend(others());
    let found = needs(smiles).unwrap();
    assert_eq!(found.tasks, [Task::Auth]);
    assert!(found.remarks[0].contains("`gate`"), "{:?}", found.remarks);
    let mut blind = anna(&ALL);
    blind.iter_mut().for_each(|one| one.radar = None);
    let found = needs(blind).unwrap();
    assert_eq!(found.tasks, [Task::Event]);
    assert!(found.remarks[0].contains("without a radar"), "{:?}", found.remarks);
}

/// Seconds of one session; shorter ones have too few steady frames.
const SECONDS: &str = "9";

fn simulate(out: &Path, arguments: &[&str]) {
    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        options: crate::twin::Options,
    }
    let common = ["--seed", "7", "--seconds", SECONDS, "--spread", "5", "--chirps", "face"];
    let more = ["--only", "radar"];
    let out = out.to_string_lossy();
    let line =
        ["twin", &out].into_iter().chain(common).chain(more).chain(arguments.iter().copied());
    crate::twin::run(&Line::try_parse_from(line).unwrap().options).unwrap();
}

#[test]
fn one_command_goes_from_recordings_to_a_report_and_a_second_time_does_nothing_again() {
    let folder = Folder::new("whole");
    let [own, others, out] = ["own", "others", "anna"].map(|name| folder.0.join(name));
    simulate(&own, &["--persons", "1", "--sessions", "4", "--empty", "0"]);
    simulate(
        &others,
        // Some whom even this network, which has hardly learnt, tells from the first.
        &["--first-person", "5", "--persons", "2", "--sessions", "1", "--empty", "0"],
    );
    let line = |more: &[&str]| {
        let [own, others, out] = [&own, &others, &out].map(|path| path.to_string_lossy());
        let words = ["enroll", &own, &others, "--person", "p000", "--out", &out];
        let small = ["--preset", "tiny", "--epochs", "1", "--batch", "4"];
        let line = words.into_iter().chain(small).chain(more.iter().copied());
        run(&Line::try_parse_from(line).unwrap().options)
    };
    line(&[]).unwrap();
    let read = |name: &str| fs::read(out.join(name)).unwrap();
    let manifest = Manifest::read(&out.join("bundle")).unwrap();
    assert!(manifest.identity.is_some() && manifest.networks[0].role == "auth");
    let (weights, page) = (read("runs/auth/weights.safetensors"), read("report/report.html"));
    line(&[]).unwrap();
    assert!(weights == read("runs/auth/weights.safetensors") && page == read("report/report.html"));
    let refused = line(&["--seed", "2"]).unwrap_err().to_string();
    assert!(refused.contains("other settings"), "{refused}");
}
