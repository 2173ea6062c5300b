//! What recordings allow: which networks can learn, and which figures can be measured.

use std::collections::BTreeSet;

use anyhow::{Result, bail, ensure};

use crate::dataset::Expression;
use crate::split::{Member, Part, Split};
use crate::train::Task;

/// What can be made of a split.
#[derive(Debug, PartialEq)]
pub(super) struct Needs {
    /// Networks that have something to learn and to be calibrated on, in the order of a bundle.
    pub(super) tasks: Vec<Task>,
    /// What is left out or cannot be measured, in words.
    pub(super) remarks: Vec<String>,
}

impl Needs {
    /// Looks at who is on which recording, and what is labelled on it.
    ///
    /// # Errors
    /// When nothing can be made of it, or the authentication could not be calibrated.
    pub(super) fn of(split: &Split, members: &[Member]) -> Result<Self> {
        let enrolled = split.enrolled.as_str();
        let mut remarks = Vec::new();
        let has_radar = both(members, enrolled, |one| one.recording.radar.is_some());
        let has_camera = both(members, enrolled, |one| one.recording.event.is_some());
        ensure!(
            has_radar || has_camera,
            "{enrolled} has no sensor that is in both the sessions to train and those to calibrate"
        );
        if has_radar {
            strangers(members, enrolled, &mut remarks)?;
        } else {
            remarks.push(
                "without a radar there is no authentication: the daemon takes nobody for the enrolled \
                 person, and classifies nobody's expression"
                    .to_owned(),
            );
        }
        let mut tasks = Vec::new();
        for task in Task::ALL {
            let is_seen = if task == Task::Event { has_camera } else { has_radar };
            if !is_seen {
                continue;
            }
            let is_shown = |pose: &Expression| {
                let is_posed = |one: &Member| {
                    one.recording.labels.iter().any(|label| label.expression == *pose)
                };
                both(members, enrolled, is_posed)
            };
            let missing: Vec<_> = poses(task).iter().filter(|pose| !is_shown(pose)).collect();
            if missing.is_empty() {
                tasks.push(task);
            } else {
                remarks.push(format!(
                    "`{}` is not trained: no session to train, or none to calibrate, has labels of \
                     {missing:?}; `visaged enroll --guided` writes them",
                    task.role()
                ));
            }
        }
        // Without the gate nobody asks an expert, and without an expert its answer leads nowhere.
        if !tasks.contains(&Task::Gate) {
            tasks.retain(|task| !matches!(task, Task::ExpertDynamic | Task::ExpertStatic));
        }
        ensure!(!tasks.is_empty(), "nothing can be trained: {}", remarks.join("; "));
        Ok(Self { tasks, remarks })
    }
}

/// True if the enrolled person has such a session both to train and to calibrate.
fn both(members: &[Member], enrolled: &str, is: impl Fn(&Member) -> bool) -> bool {
    let has = |part| members.iter().any(|one| one.part == part && one.is_of(enrolled) && is(one));
    has(Part::Train) && has(Part::Calibrate)
}

/// What a network tells apart; nothing for one that needs no labels.
const fn poses(task: Task) -> &'static [Expression] {
    match task {
        Task::Auth => &[],
        Task::ExpertDynamic => &[Expression::Smile, Expression::Shock],
        Task::ExpertStatic => &[Expression::Neutral, Expression::Anger],
        Task::Gate | Task::Event => {
            &[Expression::Smile, Expression::Shock, Expression::Neutral, Expression::Anger]
        }
    }
}

/// The authentication is worth what it does with other persons.
fn strangers(members: &[Member], enrolled: &str, remarks: &mut Vec<String>) -> Result<()> {
    let persons = |part: Part| -> BTreeSet<&str> {
        let seen = members.iter().filter(|one| one.part == part && one.recording.radar.is_some());
        let persons = seen.filter_map(|one| one.recording.person.as_deref());
        persons.filter(|&person| person != enrolled).collect()
    };
    let others = "record at least two others, one session each: `visaged enroll --guided --person \
                  bob`, with their consent and the same sensors";
    if persons(Part::Calibrate).is_empty() {
        bail!(
            "nobody but {enrolled} is on these recordings: how other persons score cannot be measured, \
             so the authentication cannot be calibrated, the daemon would take nobody for {enrolled}, \
             and neither AUROC nor false accepts could be told; {others}"
        );
    }
    if persons(Part::Test).is_empty() {
        remarks.push(format!(
            "no person is left as a stranger for the test: AUROC, false accepts and all that is said \
             of strangers cannot be measured; {others}"
        ));
    }
    Ok(())
}
