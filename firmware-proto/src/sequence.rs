//! Loss on one stream, told from its 16-bit sequence numbers.

/// What the next sequence number says about the frames before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// The expected number, or the first one seen.
    None,
    /// So many frames are missing in front of this one.
    Lost(u16),
    /// The number went back: a repeated frame, or the sender restarted.
    Back,
}

/// Follows one stream of one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SequenceCheck {
    next: Option<u16>,
}

impl SequenceCheck {
    /// A stream of which nothing was seen yet; start anew after every new boot id.
    #[must_use]
    pub const fn new() -> Self {
        Self { next: None }
    }

    /// Takes the sequence number of an accepted frame.
    pub const fn observe(&mut self, sequence: u16) -> Gap {
        let expected = match self.next {
            Some(next) => next,
            None => sequence,
        };
        self.next = Some(sequence.wrapping_add(1));
        match sequence.wrapping_sub(expected) {
            0 => Gap::None,
            // Half the range counts as forward, as in RFC 1982.
            lost @ 1..0x8000 => Gap::Lost(lost),
            _ => Gap::Back,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_sized_across_the_wrap() {
        let mut check = SequenceCheck::new();
        assert_eq!(check.observe(0xFFFE), Gap::None);
        assert_eq!(check.observe(0xFFFF), Gap::None);
        assert_eq!(check.observe(2), Gap::Lost(2));
        assert_eq!(check.observe(2), Gap::Back);
        assert_eq!(check.observe(3), Gap::None);
    }
}
