//! Which sessions a data set has, and what to call them.

use visaged_twin::session::Guest;

use super::Options;

/// One session to record.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    pub(super) guest: Guest,
    pub(super) session: u32,
    /// Name of the recording, and its folder with `-` as the separator.
    pub(super) id: String,
}

/// All sessions: those of the persons, then the empty chair, then the fan.
pub(super) fn plans(options: &Options) -> Vec<Plan> {
    let plan = |guest: Guest, session: u32, who: &str| Plan {
        guest,
        session,
        id: format!("{who}-s{session}"),
    };
    let persons = options.first_person..options.first_person + options.persons;
    let mut plans: Vec<Plan> = persons
        .flat_map(|person| {
            (options.first_session..options.first_session + options.sessions)
                .map(move |session| plan(Guest::Person(person), session, &name(person)))
        })
        .collect();
    plans.extend((0..options.empty).map(|session| plan(Guest::EmptyChair, session, "empty")));
    plans.extend((0..options.empty).map(|session| plan(Guest::Fan, session, "fan")));
    plans
}

/// The id of a simulated person.
pub(super) fn name(person: usize) -> String {
    format!("p{person:03}")
}

/// The command that makes the same data set again.
pub(super) fn origin(options: &Options) -> String {
    let only = options.only.map_or_else(String::new, |only| format!(" --only {}", value(&only)));
    format!(
        "simulated: lab {version} twin --seed {} --persons {} --first-person {} --sessions {} \
         --first-session {} --empty {} --seconds {} --spread {} --chirps {} --camera {}{only}",
        options.seed,
        options.persons,
        options.first_person,
        options.sessions,
        options.first_session,
        options.empty,
        options.seconds,
        options.spread,
        value(&options.chirps),
        value(&options.camera),
        version = env!("CARGO_PKG_VERSION"),
    )
}

fn value(choice: &impl clap::ValueEnum) -> String {
    choice.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}
