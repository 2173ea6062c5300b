//! Evidence about identity: a sequential test over windows of scores.
//!
//! # The test
//!
//! Scores of the frames of one window (half a second) are averaged, because frames are near copies
//! of each other. Window `i` with average `x_i` adds `l(x_i)`, see [`ratio`](super::ratio), to a sum
//!
//! ```text
//!   S_i = min(A, max(B, S_(i-1) + clip(l(x_i))))          S_0 = 0
//! ```
//!
//! and the sum decides, as in Wald's sequential probability ratio test (Ann. Math. Stat. 16, 1945):
//!
//! ```text
//!   A = ln((1 - b) / a)     reached from below: enrolled
//!   B = ln(b / (1 - a))     reached from above: not enrolled
//! ```
//!
//! with `a` the share of strangers that may be accepted and `b` the share of tries at which the
//! enrolled person may be rejected. If scores follow the calibration and windows are independent,
//! the true shares `a'` and `b'` obey `a' <= a / (1 - b)`, `b' <= b / (1 - a)`, `a' + b' <= a + b`.
//!
//! `clip` lets a window add at most `A / N`, so that acceptance takes `N` windows, and subtract at
//! most `(A - B) / 2`, so that one glitch rejects nobody who was accepted. Under strangers
//! `E[exp(min(l, c))] <= E[exp l] = 1`, so the upper clip keeps the bound on `a'`; the lower clip
//! raises it by at most the factor `1 + exp(-(A - B) / 2)` a window, 1.003 at the defaults.
//!
//! The bounds `A` and `B` hold the sum, so the test goes on after its verdict and becomes Page's
//! CUSUM: a stranger who takes the seat has at most `A - B` nats to undo, and one who sits on after
//! a rejection waits `exp(A - B)` windows on average for an error in his favour (Lorden 1971): 14
//! hours at the defaults.
//!
//! What the mathematics does not know: neighbouring windows of one sitting are not independent, and
//! a look-alike scores like the enrolled person every time. Shares of errors are measured, never
//! computed; the bounds are only where the test is aimed.
//!
//! # The verdict
//!
//! ```text
//!                 N windows, S = A                    N windows, S = B
//!   enrolled <──────────────────────── checking ─────────────────────> not enrolled
//!      │                                ^    ^                              │
//!      └────────────────────────────────┘    └──────────────────────────────┘
//!                  S <= 0                                 S >= 0
//!
//!   a silence of more than 1 s, from anywhere: checking, S = 0, no windows
//! ```

use super::Config;
use super::ratio::LogRatio;
use crate::data::message::Band;
use crate::data::score::IdentityCalibration;
use crate::units::{HostClock, Micros, Stamp};

/// Silence after which evidence is stale: whoever comes then is somebody new.
const SILENCE: Micros = Micros::from_millis(1_000);

/// What the windows so far come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not enough in favour of either.
    Checking,
    /// The enrolled person.
    Enrolled,
    /// Somebody else.
    NotEnrolled,
}

/// What a window that ended has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Before it.
    pub before: Verdict,
    /// After it.
    pub after: Verdict,
    /// When the window was last fed, if it speaks for the enrolled person.
    pub support: Option<Stamp<HostClock>>,
}

/// The sequential test.
#[derive(Debug, Clone, Copy)]
pub struct Evidence {
    ratio: LogRatio,
    accept: f64,
    reject: f64,
    most: f64,
    least_windows: u32,
    length: Micros,
    sum: f64,
    windows: u32,
    verdict: Verdict,
    open: Option<Window>,
    newest: Option<Stamp<HostClock>>,
}

/// The window that is being filled.
#[derive(Debug, Clone, Copy)]
struct Window {
    start: Stamp<HostClock>,
    /// Its last frame with a score.
    fed: Stamp<HostClock>,
    frames: u32,
    scored: u32,
    total: f64,
}

impl Evidence {
    /// A test of a `config` and a `calibration` that were checked.
    #[must_use]
    pub fn new(config: &Config, calibration: &IdentityCalibration) -> Self {
        let (a, b) = (config.false_accept, config.false_reject);
        let accept = ((1.0 - b) / a).ln();
        Self {
            ratio: LogRatio::new(calibration),
            accept,
            reject: (b / (1.0 - a)).ln(),
            most: accept / f64::from(config.least_windows),
            least_windows: config.least_windows,
            length: config.window(),
            sum: 0.0,
            windows: 0,
            verdict: Verdict::Checking,
            open: None,
            newest: None,
        }
    }

    /// Takes the frame of `now`, later than the one before, with its score if it has one.
    ///
    /// A window ends with the first frame beyond its length, and counts if more than half of its
    /// frames have a score.
    pub fn push(&mut self, now: Stamp<HostClock>, score: Option<f64>) -> Option<Outcome> {
        if self.newest.replace(now).is_some_and(|before| now - before > SILENCE) {
            self.restart();
            self.newest = Some(now);
        }
        let ended = self.open.take_if(|window| now - window.start >= self.length);
        let outcome = ended.filter(Window::counts).map(|window| self.weigh(&window));
        let empty = Window { start: now, fed: now, frames: 0, scored: 0, total: 0.0 };
        let window = self.open.get_or_insert(empty);
        window.frames += 1;
        if let Some(score) = score {
            window.fed = now;
            window.scored += 1;
            window.total += score;
        }
        outcome
    }

    /// What the windows so far come to.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// How much evidence there is for the enrolled person, in thirds of what there can be.
    #[must_use]
    pub fn band(&self) -> Band {
        if self.sum < self.accept / 3.0 {
            Band::Low
        } else if self.sum < 2.0 * self.accept / 3.0 {
            Band::Medium
        } else {
            Band::High
        }
    }

    /// Forgets everything: whoever comes now is somebody new.
    pub fn restart(&mut self) {
        self.sum = 0.0;
        self.windows = 0;
        self.verdict = Verdict::Checking;
        self.open = None;
        self.newest = None;
    }

    fn weigh(&mut self, window: &Window) -> Outcome {
        let ratio = self.ratio.of(window.total / f64::from(window.scored));
        let clipped = ratio.clamp((self.reject - self.accept) / 2.0, self.most);
        self.sum = (self.sum + clipped).clamp(self.reject, self.accept);
        self.windows = self.windows.saturating_add(1);
        let before = self.verdict;
        self.verdict = self.judge();
        Outcome { before, after: self.verdict, support: (ratio > 0.0).then_some(window.fed) }
    }

    fn judge(&self) -> Verdict {
        let is_enough = self.windows >= self.least_windows;
        match self.verdict {
            _ if is_enough && self.sum >= self.accept => Verdict::Enrolled,
            _ if is_enough && self.sum <= self.reject => Verdict::NotEnrolled,
            Verdict::Enrolled if self.sum > 0.0 => Verdict::Enrolled,
            Verdict::NotEnrolled if self.sum < 0.0 => Verdict::NotEnrolled,
            _ => Verdict::Checking,
        }
    }
}

impl Window {
    const fn counts(&self) -> bool {
        2 * self.scored > self.frames
    }
}

#[cfg(test)]
mod tests;
