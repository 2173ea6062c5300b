//! The newest message of each topic, for those who ask for the present and not for the past.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Envelope;

/// Shared by the pipeline thread, which posts, and those who look: the control endpoint, the page.
/// Bounded by the number of topics.
#[derive(Debug, Clone, Default)]
pub struct Board(Arc<Mutex<BTreeMap<String, Arc<Envelope>>>>);

impl Board {
    /// Puts `envelope` in the place of the one before it.
    pub fn post(&self, envelope: Envelope) {
        let topic = envelope.topic.clone();
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        newest.insert(topic, Arc::new(envelope));
    }

    /// The newest message of each topic, ordered by topic.
    #[must_use]
    pub fn newest(&self) -> Vec<Arc<Envelope>> {
        let newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        newest.values().map(Arc::clone).collect()
    }

    /// Every topic so far, in order.
    #[must_use]
    pub fn topics(&self) -> Vec<String> {
        let newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        newest.keys().cloned().collect()
    }
}
