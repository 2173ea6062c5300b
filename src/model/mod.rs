//! Networks: from tensors to scores.
