//! The first subscription, which another thread may wait for.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Set once, by the publisher thread; waited for by whoever publishes.
#[derive(Debug, Default)]
pub(super) struct FirstSubscription {
    made: Mutex<bool>,
    changed: Condvar,
}

impl FirstSubscription {
    /// Somebody has subscribed.
    pub(super) fn note(&self) {
        *self.made.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// True once somebody has subscribed; waits for it at most `limit`.
    pub(super) fn wait(&self, limit: Duration) -> bool {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let (made, _) = self
            .changed
            .wait_timeout_while(made, limit, |made| !*made)
            .unwrap_or_else(PoisonError::into_inner);
        *made
    }
}
