//! Simple detectors beside the network, and controls that must find nothing.

pub(crate) mod detector;
mod features;
mod logistic;
mod matrix;
mod nearest;
mod one_class;
mod pca;

#[cfg(test)]
mod tests;
