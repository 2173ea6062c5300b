//! Sums of products: the one micro-kernel behind convolutions, linear layers and attention.
//!
//! A contraction computes, for each pixel and each column (output channel),
//! `sum over tap, channel of input(pixel, tap)[channel] * weight[tap][channel][column]`.
//! What differs between a plain, strided, transposed or temporal convolution and a linear layer is
//! only where `input(pixel, tap)` lies: that is a [`Geometry`], which points into the input instead
//! of copying it (Dukhan 2019, "The Indirect Convolution Algorithm", arXiv 1907.02129).

mod geometry;
mod panels;
mod tile;
mod weight_gradient;

pub(crate) use geometry::{Geometry, Indirect, Rows, Table};
pub(crate) use panels::{Packed, Panels};
pub(crate) use tile::{Contraction, contract};
pub(crate) use weight_gradient::weight_gradient;
