//! Why a network could not be compiled or run.

/// Why a network could not be compiled or run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A node was given shapes that do not fit together.
    #[error("{node} of {got}: {why}; the network's definition and its weights disagree")]
    Shape {
        /// Which kind of node.
        node: &'static str,
        /// The shapes it was given.
        got: String,
        /// What is wrong with them.
        why: &'static str,
    },
    /// Inputs or outputs are not as many, or not as long, as the program's.
    #[error("{what} {number} has {got} numbers, the program has {planned}; 0 if there is none")]
    Length {
        /// Input or output.
        what: &'static str,
        /// Which one.
        number: usize,
        /// What was handed over.
        got: usize,
        /// What was planned.
        planned: usize,
    },
    /// Two buffers of one step overlap: a mistake of the planner.
    #[error("step {0} would read what it overwrites; this is a bug, please report it")]
    Overlap(usize),
    /// A weight could not be read.
    #[error("weights of a network: {0}")]
    Weights(#[from] candle_core::Error),
}
