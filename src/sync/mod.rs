//! One time line for all sensors: aligned, cut into slices and merged in order.

mod alignment;
pub mod clock;
mod merge;
mod slices;

pub use alignment::TimeLine;
pub use merge::Merge;
pub use slices::Slicer;
