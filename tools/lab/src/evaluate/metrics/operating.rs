//! What happens at one frozen threshold: false accepts, false rejects, and no decision at all.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ranking::Trial;
use super::real;

/// What was scored at one instant; absent where there was nothing to decide on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scored {
    /// Seconds from the start of the recording.
    pub(crate) time: f64,
    /// Strangeness.
    pub(crate) score: Option<f64>,
}

/// Attempts of one recording, all by the same person.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Attempts {
    /// Index of the recording.
    pub(crate) recording: usize,
    /// True if the enrolled person sat there.
    pub(crate) is_genuine: bool,
    /// In order of time.
    pub(crate) scored: Vec<Scored>,
}

/// Shares of attempts; the three shares of one kind of person sum to 1 with the accepted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Rates {
    /// Strangers accepted, of all their attempts.
    pub(crate) false_accept: f64,
    /// Genuine attempts rejected by their score, of all genuine attempts.
    pub(crate) false_reject: f64,
    /// Genuine attempts without a decision; an operator adds them to the false rejects.
    pub(crate) genuine_undecided: f64,
    /// Strangers' attempts without a decision.
    pub(crate) strange_undecided: f64,
}

/// Counts of one recording at one threshold.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Tally {
    pub(crate) accepted: f64,
    pub(crate) rejected: f64,
    pub(crate) undecided: f64,
}

impl Tally {
    /// All attempts.
    pub(crate) fn total(self) -> f64 {
        self.accepted + self.rejected + self.undecided
    }

    fn add(&mut self, other: Self, weight: f64) {
        self.accepted += weight * other.accepted;
        self.rejected += weight * other.rejected;
        self.undecided += weight * other.undecided;
    }
}

impl Attempts {
    /// Means over windows of `seconds`, end to end; a window of which less than half was decided on
    /// is undecided. A window without any frame does not exist.
    pub(crate) fn windows(&self, seconds: f64) -> Self {
        let mut windows: BTreeMap<usize, Vec<Scored>> = BTreeMap::new();
        for scored in &self.scored {
            let window = super::index((scored.time / seconds).max(0.0));
            windows.entry(window).or_default().push(*scored);
        }
        let scored = windows.into_iter().map(|(number, frames)| {
            let known: Vec<f64> = frames.iter().filter_map(|frame| frame.score).collect();
            let enough = 2 * known.len() >= frames.len();
            let score = super::mean(&known).filter(|_| enough);
            Scored { time: seconds * real(number), score }
        });
        Self { scored: scored.collect(), ..*self }
    }

    /// The attempts that were decided on.
    pub(crate) fn trials(&self) -> impl Iterator<Item = Trial> {
        let (is_genuine, recording) = (self.is_genuine, self.recording);
        let scores = self.scored.iter().filter_map(|scored| scored.score);
        scores.map(move |score| Trial { score, is_genuine, recording })
    }

    /// Counts at `threshold`: accepted is who scores no more.
    pub(crate) fn tally(&self, threshold: f64) -> Tally {
        let mut tally = Tally::default();
        for scored in &self.scored {
            *match scored.score {
                None => &mut tally.undecided,
                Some(score) if score <= threshold => &mut tally.accepted,
                Some(_) => &mut tally.rejected,
            } += 1.0;
        }
        tally
    }
}

/// The rates of `tallies`, one per recording with its number and whether it is genuine, when
/// recording `r` counts `weight(r)` times; `None` unless both kinds are there.
pub(crate) fn rates(
    tallies: &[(usize, bool, Tally)],
    weight: impl Fn(usize) -> f64,
) -> Option<Rates> {
    let (mut genuine, mut strange) = (Tally::default(), Tally::default());
    for (recording, is_genuine, tally) in tallies {
        let side = if *is_genuine { &mut genuine } else { &mut strange };
        side.add(*tally, weight(*recording));
    }
    let both = genuine.total() > 0.0 && strange.total() > 0.0;
    both.then(|| Rates {
        false_accept: strange.accepted / strange.total(),
        false_reject: genuine.rejected / genuine.total(),
        genuine_undecided: genuine.undecided / genuine.total(),
        strange_undecided: strange.undecided / strange.total(),
    })
}
