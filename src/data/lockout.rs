//! What of a lockout must outlive the daemon.

use serde::{Deserialize, Serialize};

/// Rejections in a row, and whether the wait for them is over.
///
/// There is no time in it: a daemon that starts while a wait is owed waits anew, all of it. So no
/// clock, right or wrong, and no restart can make a wait shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LockoutRecord {
    /// Rejections since the enrolled person was last accepted.
    pub rejections: u32,
    /// False while the wait that these rejections ask for is not over.
    pub served: bool,
}

impl LockoutRecord {
    /// Where there is no record, as at the very first start: the shortest wait is owed, so that
    /// whoever removes the record gains nothing at once.
    pub const ABSENT: Self = Self { rejections: 5, served: false };
    /// Where the record cannot be believed: the hard stop, until an operator has looked.
    pub const DAMAGED: Self = Self { rejections: 50, served: false };
}
