//! Golden cases: what is said about scenes, formats and faults, as text that people review.

mod cases;
mod facts;
mod formats;
mod live;
mod scene;
mod story;
mod text;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};

use cases::{CASES, Case};
use facts::{COVERAGE, Facts};
use scene::Scene;

/// Recorded time between two lines of a case.
const STEP_US: i64 = 1_000_000;
/// And of the scene on its own page.
const DEMO_STEP_US: i64 = 500_000;

/// Runs all cases and writes, or compares, their texts.
pub(crate) fn run(root: &Path, bless: bool) -> Result<()> {
    let scene = Scene::load(root)?;
    let folder = root.join("tests/golden/scenes");
    fs::create_dir_all(&folder)?;
    let mut covered = BTreeSet::new();
    let mut wrong = Vec::new();
    for case in CASES {
        match check(case, &scene, root, &folder, bless) {
            Ok(facts) => covered.extend(facts.names()),
            Err(error) => wrong.push(format!("{}: {error:#}", case.name)),
        }
    }
    ensure!(
        wrong.is_empty(),
        "{} of {} cases differ:\n{}",
        wrong.len(),
        CASES.len(),
        wrong.join("\n")
    );
    let missing: Vec<_> = COVERAGE.iter().filter(|fact| !covered.contains(**fact)).collect();
    ensure!(missing.is_empty(), "no case shows: {missing:?}");
    let strangers: Vec<_> = fs::read_dir(&folder)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !CASES.iter().any(|case| *name == format!("{}.txt", case.name)))
        .filter(|name| name != "PROVENANCE.md")
        .collect();
    ensure!(strangers.is_empty(), "no case has: {}", strangers.join(", "));
    Ok(())
}

fn check(case: &Case, scene: &Scene, root: &Path, folder: &Path, bless: bool) -> Result<Facts> {
    let scratch = story::scratch(case.name)?;
    let story = (case.story)(scene, &scratch);
    let said = story.and_then(|story| story::tell(&story));
    fs::remove_dir_all(&scratch)?;
    let said = said?;
    let facts = Facts::of(&said);
    for (fact, least) in case.least {
        let n = facts.get(fact);
        ensure!(n >= *least, "`{fact}` occurs {n} times, at least {least} are wanted");
    }
    let lines = text::summary(&said.messages, STEP_US)?;
    let text = format!("# {}\n{lines}{}", case.about, facts.to_text());
    compare(&folder.join(format!("{}.txt", case.name)), &text, bless)?;
    if case.name == "demo" {
        let text = text::summary(&said.messages, DEMO_STEP_US)?;
        compare(&root.join("tests/golden/demo/expected.txt"), &text, bless)?;
    }
    Ok(facts)
}

fn compare(file: &Path, text: &str, bless: bool) -> Result<()> {
    if bless {
        return fs::write(file, text).with_context(|| format!("cannot write {}", file.display()));
    }
    let expected = fs::read_to_string(file)
        .with_context(|| format!("cannot read {}; make it with --bless", file.display()))?;
    let (mut now, mut before) = (text.lines(), expected.lines());
    let mut number = 0;
    loop {
        number += 1;
        match (now.next(), before.next()) {
            (None, None) => return Ok(()),
            (now, before) if now == before => {}
            (now, before) => bail!(
                "line {number}:\n  was {}\n  is  {}",
                before.unwrap_or("not there"),
                now.unwrap_or("not there")
            ),
        }
    }
}
