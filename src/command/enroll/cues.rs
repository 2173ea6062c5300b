//! What is to be posed when: drawn from a seed, or read from a file.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::command::Failure;
use crate::data::message::ExpressionLabel;
use crate::units::{Micros, Seconds};

/// From a cue to the face that fully shows it: people react late.
pub(super) const REACTION: Micros = Micros::from_millis(1_000);
/// From the end of a cue to a face at rest.
pub(super) const FADE: Micros = Micros::from_millis(1_000);

/// A hold, and a rest, last at least so long, milliseconds.
const SHORTEST: i64 = 1_500;
/// And are longer by up to so much: whoever knows when the next cue comes poses before it.
const SPREAD: u64 = 1_000;

/// One expression to pose.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cue {
    /// What to pose.
    pub(super) expression: ExpressionLabel,
    /// When to begin, seconds after the schedule's zero.
    pub(super) onset: Seconds,
    /// When to relax, seconds after the same.
    pub(super) offset: Seconds,
}

/// The word that is shown, that of the paper and of all files.
pub(super) const fn word(expression: ExpressionLabel) -> &'static str {
    match expression {
        ExpressionLabel::Smile => "smile",
        ExpressionLabel::Shock => "shock",
        ExpressionLabel::Neutral => "neutral",
        ExpressionLabel::Anger => "anger",
    }
}

/// So many blocks of all four expressions, each block in an order of its own; the first cue is at 0.
pub(super) fn drawn(blocks: u32, seed: u64) -> Vec<Cue> {
    let mut random = Random(seed);
    let mut cues = Vec::new();
    let mut at = Micros(0);
    for _ in 0..blocks {
        let mut order = ExpressionLabel::ALL;
        // Fisher and Yates: every order is as likely as any other.
        for last in (1..order.len()).rev() {
            order.swap(last, random.below(last + 1));
        }
        for expression in order {
            let release = Micros(at.0 + random.span().0);
            let (onset, offset) = (Seconds(at.as_seconds()), Seconds(release.as_seconds()));
            cues.push(Cue { expression, onset, offset });
            at = Micros(release.0 + random.span().0);
        }
    }
    cues
}

/// Reads the schedule in `file`: a JSON list of `{"expression", "onset", "offset"}`, seconds after
/// the first reading.
pub(super) fn read(file: &Path) -> Result<Vec<Cue>, Failure> {
    let failure = |problem| Failure::File { path: file.to_owned(), problem };
    let text = fs::read_to_string(file).map_err(|error| failure(error.to_string()))?;
    let cues: Vec<Cue> = serde_json::from_str(&text).map_err(|error| {
        failure(format!(
            "{error}; write a list such as [{{\"expression\": \"smile\", \"onset\": 3, \"offset\": 5}}]"
        ))
    })?;
    check(&cues).map_err(failure)?;
    Ok(cues)
}

/// A pose takes a second to form and one to fade, so cues must leave room for both.
fn check(cues: &[Cue]) -> Result<(), String> {
    if cues.is_empty() {
        return Err("there is no cue in it".to_owned());
    }
    let mut before = Micros(0);
    for (number, cue) in (1..).zip(cues) {
        let (onset, offset) = (cue.onset.to_micros(), cue.offset.to_micros());
        if !cue.onset.0.is_finite() || onset < before {
            return Err(format!(
                "cue {number}: `onset` must be {} at least: cues are in order, begin at 0 or later, \
                 and a face takes {} to come to rest",
                Seconds(before.as_seconds()),
                Seconds(FADE.as_seconds())
            ));
        }
        if !cue.offset.0.is_finite() || offset.0.saturating_sub(onset.0) < REACTION.0 {
            return Err(format!(
                "cue {number}: `offset` must be {} after `onset` at least, so long does a pose take \
                 to form",
                Seconds(REACTION.as_seconds())
            ));
        }
        before = Micros(offset.0.saturating_add(FADE.0));
    }
    Ok(())
}

/// Draws from a seed: `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators", 2014).
struct Random(u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A place below `count`, which is small: what a remainder prefers is far below any effect.
    fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % (count.max(1) as u64)).unwrap_or(0)
    }

    /// A hold or a rest, to the millisecond.
    fn span(&mut self) -> Micros {
        let more = self.next() % (SPREAD + 1);
        Micros::from_millis(SHORTEST + i64::try_from(more).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(cues: &[Cue]) -> Vec<f64> {
        let times: Vec<f64> = cues.iter().flat_map(|cue| [cue.onset.0, cue.offset.0]).collect();
        times.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    #[test]
    fn each_block_holds_each_expression_once_and_orders_differ() {
        let cues = drawn(20, 7);
        assert_eq!(cues.len(), 80);
        let mut orders = Vec::new();
        for block in cues.chunks(4) {
            let order: Vec<_> = block.iter().map(|cue| word(cue.expression)).collect();
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, ["anger", "neutral", "shock", "smile"]);
            if !orders.contains(&order) {
                orders.push(order);
            }
        }
        // 20 draws out of 24 orders give 13.7 different ones on average; 8 would be a wonder.
        assert!(orders.len() > 8, "{orders:?}");
    }

    #[test]
    fn the_seed_alone_decides() {
        assert_eq!(drawn(3, 7), drawn(3, 7));
        assert_ne!(drawn(3, 7), drawn(3, 8));
        // More blocks do not change those before.
        assert_eq!(drawn(3, 7)[..], drawn(5, 7)[..12]);
    }

    #[test]
    fn holds_and_rests_last_one_and_a_half_to_two_and_a_half_seconds() {
        let spans = spans(&drawn(50, 1));
        // Differences of times that are exact to the millisecond.
        assert!(spans.iter().all(|span| (1.499..=2.501).contains(span)), "{spans:?}");
        let (least, most) =
            (spans.iter().copied().fold(9.0, f64::min), spans.iter().copied().fold(0.0, f64::max));
        assert!(least < 1.55 && most > 2.45, "{least} to {most}");
    }

    #[test]
    fn what_is_drawn_would_be_taken_from_a_file() {
        check(&drawn(10, 3)).unwrap();
    }

    #[test]
    fn a_file_whose_cues_leave_no_time_to_pose_or_rest_is_refused_by_number() {
        let cue = |onset, offset| Cue {
            expression: ExpressionLabel::Smile,
            onset: Seconds(onset),
            offset: Seconds(offset),
        };
        check(&[cue(0.0, 1.0), cue(2.0, 4.0)]).unwrap();
        for (cues, expected) in [
            (vec![], "no cue"),
            (vec![cue(-1.0, 1.0)], "cue 1: `onset` must be 0 s at least"),
            (vec![cue(0.0, 1.0), cue(1.9, 4.0)], "cue 2: `onset` must be 2 s at least"),
            (vec![cue(1.0, 1.9)], "cue 1: `offset` must be 1 s after"),
            (vec![cue(f64::NAN, 1.9)], "cue 1: `onset`"),
        ] {
            let problem = check(&cues).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
        }
    }
}
