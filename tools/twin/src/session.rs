//! One session: a person, a setting, a script, and both sensors' view of it.

use std::sync::Arc;

use visaged::data::{ChirpConfig, Geometry};

use crate::event::{self, Footage};
use crate::motion::{Label, Performance, Script, rise_and_fall};
use crate::person::Person;
use crate::radar::{Occupant, RadarTwin};
use crate::random::Random;
use crate::setting::{Company, Setting};

/// Numbers of strangers in the background start here: no enrolled person is ever one of them.
const STRANGERS: usize = 1_000_000;

/// What all sessions of a data set share.
#[derive(Debug, Clone, PartialEq)]
pub struct Population {
    /// Seed of everything.
    pub seed: u64,
    /// How far persons lie apart: 0 all alike, 1 the prior.
    pub spread: f64,
    /// Length of a session, seconds.
    pub seconds: f64,
    /// How long a person sits there before cues begin, seconds.
    pub settle: f64,
}

/// Who sits in the chair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guest {
    /// Person of this number.
    Person(usize),
    /// Nobody.
    EmptyChair,
    /// Nobody, but a fan runs where a face would be.
    Fan,
}

/// A session, ready to be recorded.
#[derive(Debug, Clone)]
pub struct Session {
    /// The setting.
    pub setting: Setting,
    /// What is shown when; empty if nobody is there.
    pub labels: Vec<Label>,
    seed: u64,
    seconds: f64,
    name: String,
    sitter: Option<(Arc<Person>, Arc<Performance>)>,
    stranger: Option<(Occupant, [f64; 2])>,
}

impl Session {
    /// Session `number` of `guest`.
    #[must_use]
    pub fn draw(population: &Population, guest: Guest, number: usize) -> Self {
        let Population { seed, spread, seconds, settle } = *population;
        let name = match guest {
            Guest::Person(person) => format!("person {person} session {number}"),
            Guest::EmptyChair => format!("empty chair session {number}"),
            Guest::Fan => format!("fan session {number}"),
        };
        let stream = |what: &str| Random::stream(seed, &format!("{name} {what}"));
        let person = match guest {
            Guest::Person(person) => Some(Arc::new(Person::draw(seed, person, spread))),
            Guest::EmptyChair | Guest::Fan => None,
        };
        let glasses = person.as_ref().is_some_and(|person| person.anatomy.glasses);
        let mut setting = Setting::draw(stream("setting"), glasses);
        match guest {
            Guest::Person(_) => {}
            Guest::EmptyChair => setting.company = Company::default(),
            Guest::Fan => {
                let distance = setting.place[2];
                setting.company = Company { fan: Some([0.0, distance]), ..Company::default() };
            }
        }
        let mut labels = Vec::new();
        let sitter = person.map(|person| {
            let (habits, mood) = (&person.habits, &setting.mood);
            let script = Script::cued(seconds - settle, stream("script"))
                .later(settle)
                .timed(|expression| rise_and_fall(habits, mood, expression));
            let played = Performance::play(&person, &script, mood, seconds, seed, &name);
            labels = script.labels;
            (person, Arc::new(played))
        });
        let stranger = setting.company.second_person.map(|place| {
            let name = format!("{name} stranger");
            let number = STRANGERS + Random::stream(seed, &name).below(STRANGERS);
            let person = Person::draw(seed, number, spread.max(1.0));
            let mood = &setting.mood;
            let played = Performance::play(&person, &Script::default(), mood, seconds, seed, &name);
            (Occupant::new(Arc::new(person), Arc::new(played), &setting), place)
        });
        Self { setting, labels, seed, seconds, name, sitter, stranger }
    }

    /// The radar in front of this session.
    #[must_use]
    pub fn radar(&self, chirps: &ChirpConfig) -> RadarTwin {
        let sitter = self.sitter.iter().map(|(person, performance)| {
            Occupant::new(Arc::clone(person), Arc::clone(performance), &self.setting)
        });
        let stranger =
            self.stranger.iter().map(|(occupant, [x, z])| occupant.clone().moved_to([*x, 0.0, *z]));
        let name = format!("{} radar", self.name);
        let occupants = sitter.chain(stranger).collect();
        RadarTwin::new(chirps, &self.setting, occupants, self.seconds, self.seed, &name)
    }

    /// What an event camera sees of this session. A stranger in the background is not painted.
    #[must_use]
    pub fn events(&self, geometry: Geometry) -> Footage {
        let sitter = self.sitter.as_ref().map(|(person, performance)| (&**person, &**performance));
        let name = format!("{} camera", self.name);
        event::record(geometry, sitter, &self.setting, self.seconds, self.seed, &name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Population = Population { seed: 11, spread: 1.0, seconds: 2.0, settle: 0.0 };

    #[test]
    fn two_sessions_of_one_person_share_the_person_and_nothing_else() {
        let population = Population { seconds: 8.0, ..SHORT };
        let [a, b] = [0, 1].map(|n| Session::draw(&population, Guest::Person(4), n));
        let anatomy = |s: &Session| format!("{:?}", s.sitter.as_ref().unwrap().0);
        assert_eq!(anatomy(&a), anatomy(&b));
        assert_ne!(a.labels, b.labels);
        assert!((a.setting.place[2] - b.setting.place[2]).abs() > 1e-6);
    }

    #[test]
    fn nobody_is_in_an_empty_chair_and_a_fan_is_where_a_face_would_be() {
        let chair = Session::draw(&SHORT, Guest::EmptyChair, 0);
        assert!(chair.labels.is_empty() && chair.sitter.is_none());
        assert_eq!(chair.setting.company, Company::default());
        let fan = Session::draw(&SHORT, Guest::Fan, 0);
        assert!(fan.setting.company.fan.is_some_and(|[_, z]| (0.25..0.5).contains(&z)));
    }

    /// Both sensors must see the shock at the label's time: the radar as movement, the camera as
    /// events.
    #[test]
    fn both_sensors_see_the_same_movement_at_the_same_time() {
        let population = Population { spread: 0.0, seconds: 12.0, ..SHORT };
        let session = Session::draw(&population, Guest::Person(0), 0);
        let shock = session.labels.iter().find(|l| l.expression.name() == "shock").unwrap();
        let seen = session.events(Geometry { width: 320, height: 320 }).events;
        let events = |from: f64, to: f64| {
            let micros = crate::number::micros(from)..crate::number::micros(to);
            let inside = |t: i64| micros.contains(&t);
            crate::number::real(seen.iter().filter(|event| inside(event.t)).count()) / (to - from)
        };
        let mut radar = session.radar(&crate::radar::face_chirps());
        let mut change = |from: f64, to: f64| {
            let numbers = crate::number::whole(from * 20.0)..crate::number::whole(to * 20.0);
            let frames: Vec<_> = numbers.map(|n| radar.frame(n)).collect();
            let of = |pair: &[ndarray::Array3<i16>]| {
                let parts = pair[0].iter().zip(&pair[1]);
                parts.map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>()
            };
            frames.windows(2).map(of).sum::<f64>() / crate::number::real(frames.len() - 1)
        };
        let (apex, offset) = (shock.apex, shock.offset);
        assert!(events(shock.onset, apex) > 1.5 * events(apex + 0.3, offset));
        assert!(change(shock.onset, apex) > 1.5 * change(apex + 0.3, offset));
    }
}
