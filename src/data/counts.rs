//! Things refused or lost, by reason.

use std::collections::BTreeMap;

use serde::Serialize;

/// How often each reason applied. Ordered by reason, so that it prints the same everywhere.
///
/// Reasons are short kebab-case words fixed in the source, e.g. `"x-beyond-width"`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Counts(BTreeMap<&'static str, u64>);

impl Counts {
    /// Adds `n` for `reason`; a zero adds nothing, so that a clean run prints an empty table.
    pub fn add(&mut self, reason: &'static str, n: u64) {
        if n > 0 {
            let total = self.0.entry(reason).or_insert(0);
            *total = total.saturating_add(n);
        }
    }

    /// Adds everything in `other`.
    pub fn merge(&mut self, other: &Self) {
        for (reason, n) in other.iter() {
            self.add(reason, n);
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
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.0.iter().map(|(&reason, &n)| (reason, n))
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
