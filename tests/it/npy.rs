//! Reads the NPY files that hold reference results.

use std::path::Path;

/// An array of real or complex numbers; real ones have an imaginary part of 0.
pub struct Array {
    /// Lengths of the axes, outermost first.
    pub shape: Vec<usize>,
    /// Each `[re, im]`, in C order.
    pub values: Vec<[f64; 2]>,
}

impl Array {
    /// Reads `<f4`, `<f8`, `<u2`, `<i2`, `<c8` or `<c16` in either order.
    pub fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        assert!(bytes.starts_with(b"\x93NUMPY\x01"), "{}: not NPY version 1", path.display());
        let data_start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        let header = std::str::from_utf8(&bytes[10..data_start]).unwrap();
        let after = |key: &str| header.split_once(key).unwrap().1.trim_start();
        let descr = after("'descr':").split('\'').nth(1).unwrap();
        let axes = after("'shape':").strip_prefix('(').unwrap().split_once(')').unwrap().0;
        let axes = axes.split(',').map(str::trim).filter(|axis| !axis.is_empty());
        let shape: Vec<usize> = axes.map(|axis| axis.parse().unwrap()).collect();

        let values = values(descr, &bytes[data_start..]);
        assert_eq!(values.len(), shape.iter().product::<usize>(), "{}", path.display());
        let values = if after("'fortran_order':").starts_with("True") {
            c_order(&values, &shape)
        } else {
            values
        };
        Self { shape, values }
    }

    /// The numbers of a real array.
    pub fn reals(&self) -> Vec<f64> {
        self.values.iter().map(|&[re, _]| re).collect()
    }
}

/// Shape, real parts and imaginary parts of the array in a file.
pub fn read(path: &Path) -> (Vec<usize>, Vec<f64>, Vec<f64>) {
    let array = Array::read(path);
    let (re, im) = array.values.iter().map(|&[re, im]| (re, im)).unzip();
    (array.shape, re, im)
}

fn values(descr: &str, bytes: &[u8]) -> Vec<[f64; 2]> {
    let f4 = |b: &[u8]| f64::from(f32::from_le_bytes(b.try_into().unwrap()));
    let f8 = |b: &[u8]| f64::from_le_bytes(b.try_into().unwrap());
    let u2 = |b: &[u8]| f64::from(u16::from_le_bytes(b.try_into().unwrap()));
    let i2 = |b: &[u8]| f64::from(i16::from_le_bytes(b.try_into().unwrap()));
    let real = |size, read: &dyn Fn(&[u8]) -> f64| {
        bytes.chunks_exact(size).map(|b| [read(b), 0.0]).collect()
    };
    let complex = |size: usize, read: &dyn Fn(&[u8]) -> f64| {
        let pair = |b: &[u8]| [read(&b[..size / 2]), read(&b[size / 2..])];
        bytes.chunks_exact(size).map(pair).collect()
    };
    match descr {
        "<f4" => real(4, &f4),
        "<f8" => real(8, &f8),
        "<u2" => real(2, &u2),
        "<i2" => real(2, &i2),
        "<c8" => complex(8, &f4),
        "<c16" => complex(16, &f8),
        other => panic!("element type {other} is not read here"),
    }
}

/// From the first axis fastest to the last axis fastest.
fn c_order(values: &[[f64; 2]], shape: &[usize]) -> Vec<[f64; 2]> {
    let mut index = vec![0; shape.len()];
    let mut ordered = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        let place = index.iter().zip(shape).rev().fold(0, |place, (i, n)| place * n + i);
        ordered.push(values[place]);
        for (i, n) in index.iter_mut().zip(shape).rev() {
            *i += 1;
            if *i < *n {
                break;
            }
            *i = 0;
        }
    }
    ordered
}

#[test]
fn fortran_order_is_turned_into_c_order() {
    // [[0, 1, 2], [3, 4, 5]] stored column by column.
    let stored: Vec<[f64; 2]> = [0.0, 3.0, 1.0, 4.0, 2.0, 5.0].map(|v| [v, 0.0]).to_vec();
    let wanted: Vec<[f64; 2]> = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0].map(|v| [v, 0.0]).to_vec();
    assert_eq!(c_order(&stored, &[2, 3]), wanted);
}
