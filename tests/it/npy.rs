//! A reader for the NPY files that the shared references come in.

#![expect(clippy::unwrap_used, reason = "a test may stop where it cannot go on")]

use std::path::Path;

/// Shape, real parts and imaginary parts (empty for real data) of the array in C order.
///
/// Knows NPY version 1 and the types `<f4`, `<f8`, `<c8`, `<c16`.
pub(crate) fn read(path: &Path) -> (Vec<usize>, Vec<f64>, Vec<f64>) {
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00", "{} is not NPY version 1", path.display());
    let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..start]).unwrap();
    let shape: Vec<usize> = value(header, "'shape':", "(", ")")
        .split(',')
        .filter_map(|n| n.trim().parse().ok())
        .collect();
    let descr = value(header, "'descr':", "'", "'");
    let size = if matches!(descr, "<f4" | "<c8") { 4 } else { 8 };
    let numbers: Vec<f64> = bytes[start..].chunks_exact(size).map(number).collect();
    let (re, im) = if descr.starts_with("<c") {
        numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).unzip()
    } else {
        (numbers, Vec::new())
    };
    assert_eq!(re.len(), shape.iter().product::<usize>(), "{} is cut", path.display());
    if header.contains("'fortran_order': True") {
        return (shape.clone(), c_order(&shape, &re), c_order(&shape, &im));
    }
    (shape, re, im)
}

fn value<'a>(header: &'a str, key: &str, open: &str, close: &str) -> &'a str {
    let rest = header.split_once(key).unwrap().1.split_once(open).unwrap().1;
    rest.split_once(close).unwrap().0
}

fn number(bytes: &[u8]) -> f64 {
    match bytes.len() {
        4 => f64::from(f32::from_le_bytes(bytes.try_into().unwrap())),
        _ => f64::from_le_bytes(bytes.try_into().unwrap()),
    }
}

/// The same array with its last axis fastest instead of its first.
fn c_order(shape: &[usize], numbers: &[f64]) -> Vec<f64> {
    let mut turned = Vec::with_capacity(numbers.len());
    for mut at in 0..numbers.len() {
        let mut index = vec![0; shape.len()];
        for (axis, &size) in shape.iter().enumerate().rev() {
            index[axis] = at % size;
            at /= size;
        }
        let fortran = index.iter().zip(shape).rev().fold(0, |sum, (i, size)| sum * size + i);
        turned.push(numbers[fortran]);
    }
    turned
}
