//! The camera's clock against the board's: events are stamped by the one, time is told by the other.

/// Blocks that are remembered: about 30 ms of a busy camera.
const BLOCKS: usize = 31;

/// How much the board's clock is ahead of the camera's.
///
/// A block's header tells the board's time of its first word, the first event in it the camera's.
/// One pair is wrong by the camera's read-out and by what came before the first event; the median
/// of many is wrong by less than a block is long, about a millisecond. Where both clocks run from
/// one crystal it stays, else it follows.
#[derive(Debug, Clone, Default)]
pub(super) struct CameraClock {
    /// Board time minus camera time of recent blocks, in microseconds; a ring once it is full.
    leads: Vec<i64>,
    next: usize,
}

impl CameraClock {
    /// Takes a block whose first word came at `board` and whose first event at `camera`.
    pub(super) fn observe(&mut self, board: u64, camera: i64) {
        let board = i64::try_from(board).unwrap_or(i64::MAX);
        let lead = board.saturating_sub(camera);
        match self.leads.get_mut(self.next) {
            Some(oldest) => *oldest = lead,
            None => self.leads.push(lead),
        }
        self.next = (self.next + 1) % BLOCKS;
    }

    /// What the camera's clock showed when the board's showed `board`; `None` before any event.
    pub(super) fn camera_time(&self, board: u64) -> Option<i64> {
        let mut leads = self.leads.clone();
        leads.sort_unstable();
        let median = *leads.get(leads.len() / 2)?;
        Some(i64::try_from(board).unwrap_or(i64::MAX).saturating_sub(median))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_known_before_the_first_event() {
        assert_eq!(CameraClock::default().camera_time(5), None);
    }

    #[test]
    fn late_blocks_and_late_events_do_not_move_the_median() {
        let mut clock = CameraClock::default();
        for n in 0..100 {
            let camera = 1_000 * n;
            let late = if n % 5 == 0 { 40_000 } else { 0 };
            let quiet = if n % 7 == 0 { 900 } else { 0 };
            let board = u64::try_from(camera + 500_000 + late).unwrap();
            clock.observe(board, camera + quiet);
        }
        assert_eq!(clock.camera_time(600_000), Some(100_000));
    }

    #[test]
    fn a_camera_with_its_own_crystal_is_followed() {
        let mut clock = CameraClock::default();
        // 100 ppm slow against the board over 100 s, a block each 10 ms.
        for n in 0..10_000_i64 {
            let board = 10_000 * n;
            clock.observe(u64::try_from(board).unwrap(), board - board / 10_000);
        }
        let error = clock.camera_time(100_000_000).unwrap() - (100_000_000 - 10_000);
        assert!(error.abs() < 20, "{error} us");
    }
}
