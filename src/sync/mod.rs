//! One time line for all sensors: aligned, cut into slices and merged in order.

mod alignment;
mod merge;
mod slices;

pub use alignment::TimeLine;
pub use merge::Merge;
pub use slices::Slicer;
