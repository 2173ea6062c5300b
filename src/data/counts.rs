//! Things refused or lost, by reason.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How often each reason applied. Ordered by reason, so that it prints the same everywhere.
///
/// Reasons are short kebab-case words, e.g. `"x-beyond-width"`: fixed in the source, or read back
/// from a recorded run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Counts(BTreeMap<Cow<'static, str>, u64>);

impl Counts {
    /// Adds `n` for `reason`; a zero adds nothing, so that a clean run prints an empty table.
    pub fn add(&mut self, reason: impl Into<Cow<'static, str>>, n: u64) {
        if n > 0 {
            let total = self.0.entry(reason.into()).or_insert(0);
            *total = total.saturating_add(n);
        }
    }

    /// Adds everything in `other`.
    pub fn merge(&mut self, other: &Self) {
        for (reason, &n) in &other.0 {
            self.add(reason.clone(), n);
        }
    }

    /// How often `reason` applied.
    #[must_use]
    pub fn get(&self, reason: &str) -> u64 {
        self.0.get(reason).copied().unwrap_or(0)
    }

    /// True if nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each reason with its count, ordered by reason.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(reason, &n)| (reason.as_ref(), n))
    }

    /// What was counted since `before`, which is an earlier state of the same counts.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let mut news = Self::default();
        for (reason, &n) in &self.0 {
            news.add(reason.clone(), n.saturating_sub(before.get(reason)));
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zero_leaves_no_row_behind() {
        let mut counts = Counts::default();
        counts.add("junk", 0);
        assert!(counts.is_empty());
        counts.add("junk", 2);
        counts.add("junk", 3);
        assert_eq!(counts.get("junk"), 5);
    }
}
