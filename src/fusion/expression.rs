//! The expression stage: closed unless the enrolled person sits there.

use crate::data::message::{Expression, ExpressionState, Identity, IdentityState};
use crate::units::{HostClock, Micros, Stamp};

/// How often an unchanged state is said again, so that a late subscriber learns it.
const REPEAT: Micros = Micros::from_millis(1_000);

/// Says what the stage does: at each change, and once a second in between.
#[derive(Debug, Default)]
pub struct ExpressionStage {
    said: Option<(Stamp<HostClock>, Expression)>,
}

impl ExpressionStage {
    /// What is to be said at `now`, when the gate has answered `identity`; `None` if it was said
    /// less than a second ago.
    pub fn decide(&mut self, now: Stamp<HostClock>, identity: Identity) -> Option<Expression> {
        let state = match identity.state {
            IdentityState::Enrolled => ExpressionState::Unknown, // no expression network yet
            IdentityState::Nobody
            | IdentityState::Checking
            | IdentityState::NotEnrolled
            | IdentityState::Unknown => ExpressionState::Closed,
        };
        let expression = Expression { state, label: None };
        let fresh = self.said.is_some_and(|(when, said)| said == expression && now - when < REPEAT);
        if fresh {
            return None;
        }
        self.said = Some((now, expression));
        Some(expression)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::message::Liveness;

    fn identity(state: IdentityState) -> Identity {
        Identity { state, reason: None, liveness: Liveness::Live }
    }

    #[test]
    fn a_state_is_said_at_a_change_and_then_once_a_second() {
        let mut stage = ExpressionStage::default();
        let mut say = |millis: i64, state| {
            let now = Stamp::from_micros(millis * 1000);
            stage.decide(now, identity(state)).map(|expression| expression.state)
        };
        assert_eq!(say(0, IdentityState::Nobody), Some(ExpressionState::Closed));
        assert_eq!(say(999, IdentityState::Checking), None);
        assert_eq!(say(1000, IdentityState::Checking), Some(ExpressionState::Closed));
        assert_eq!(say(1050, IdentityState::Enrolled), Some(ExpressionState::Unknown));
        assert_eq!(say(1100, IdentityState::NotEnrolled), Some(ExpressionState::Closed));
    }
}
