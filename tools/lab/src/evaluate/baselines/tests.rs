//! The baselines against scikit-learn, and the whole suite on maps made up for it.

use candle_core::{DType, Device, Tensor};
use serde::Deserialize;
use visaged_twin::Random;

use super::detector::{Lessons, REFERENCE, Suite};
use super::logistic::{Logistic, softmax};
use super::matrix::Matrix;
use super::nearest;
use super::one_class::OneClass;
use super::pca::Pca;
use crate::evaluate::metrics::mean;
use crate::evaluate::metrics::ranking::{Ranking, Trial};
use crate::inputs::RadarSet;

/// The `baselines` of `golden/evaluation.json`, written by `tools/reference/evaluation.py`.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Golden {
    fit: Vec<Vec<f64>>,
    kind: Vec<usize>,
    other: Vec<Vec<f64>>,
    components: usize,
    variances: Vec<f64>,
    mahalanobis: Vec<f64>,
    nearest: Vec<f64>,
    one_class: Vec<f64>,
    logistic: Vec<[f64; 3]>,
}

#[derive(Deserialize)]
struct File {
    baselines: Golden,
}

fn golden() -> Golden {
    let text = include_str!("../../../golden/evaluation.json");
    serde_json::from_str::<File>(text).unwrap().baselines
}

fn matrix(rows: &[Vec<f64>]) -> Matrix {
    let mut matrix = Matrix::new(rows[0].len());
    rows.iter().for_each(|row| matrix.push(row.iter().copied()));
    matrix
}

#[track_caller]
fn near(ours: &[f64], reference: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), reference.len());
    for (ours, reference) in ours.iter().zip(reference) {
        assert!(
            (ours - reference).abs() < tolerance * reference.abs().max(1.0),
            "{ours} against {reference}"
        );
    }
}

/// Components of the golden rows, and the coordinates of both kinds of rows.
fn golden_coordinates(golden: &Golden) -> (Pca, Matrix, Matrix) {
    let fit = matrix(&golden.fit);
    let pca = Pca::fit(&fit, golden.components).unwrap();
    let (known, other) = (pca.project(&fit).unwrap(), pca.project(&matrix(&golden.other)).unwrap());
    (pca, known, other)
}

#[test]
fn principal_components_and_what_lies_on_them_are_those_of_scikit_learn() {
    let golden = golden();
    let (pca, known, other) = golden_coordinates(&golden);
    // iterated to 1e-13 of the largest eigenvalue, vectors to its root
    near(&pca.variances, &golden.variances, 1e-9);
    near(&pca.mahalanobis(&matrix(&golden.other)).unwrap(), &golden.mahalanobis, 1e-5);
    near(&nearest::distances(&known, &other), &golden.nearest, 1e-5);
}

#[test]
fn the_one_class_machine_is_that_of_scikit_learn() {
    let golden = golden();
    let (_, known, other) = golden_coordinates(&golden);
    let machine = OneClass::fit(&known);
    let scores: Vec<f64> = other.rows().map(|row| machine.score(row)).collect();
    near(&scores, &golden.one_class, 1e-5);
}

#[test]
fn logistic_regression_is_that_of_scikit_learn() {
    let golden = golden();
    let (pca, known, other) = golden_coordinates(&golden);
    let model = Logistic::fit(&pca.whiten(&known), &golden.kind, 3).unwrap();
    for (row, expected) in pca.whiten(&other).rows().zip(&golden.logistic) {
        near(&softmax(&model.logits(row)), expected, 1e-5);
    }
}

/// Maps with a blob at `doppler` bins, of which `person` says how wide it is.
fn frames(person: f64, count: usize, seed: u64) -> RadarSet {
    let mut random = Random::stream(seed, "frames");
    let mut maps = Vec::with_capacity(count * 2 * 64 * 64);
    for _ in 0..count {
        let (strength, shift) = (random.between(0.7, 1.0), random.normal(0.0, 1.0));
        for _map in 0..2 {
            for range in 0..64_u8 {
                for doppler in 0..64_u8 {
                    let (r, d) = (f64::from(range) - 4.0, f64::from(doppler) - 32.0 - shift);
                    let blob = (-r * r / 2.0 - d * d / (2.0 * person * person)).exp();
                    maps.push(strength * blob + random.between(0.0, 0.02));
                }
            }
        }
    }
    let maps = Tensor::from_vec(maps, (count, 2, 64, 64), &Device::Cpu).unwrap();
    let maps = maps.to_dtype(DType::F16).unwrap();
    let time: Vec<f64> = (0..count).map(|at| 0.1 * crate::evaluate::metrics::real(at)).collect();
    let range = (0..count).map(|_| if random.chance(0.5) { 0.6 } else { 0.45 }).collect();
    RadarSet { faces: maps.clone(), steady: vec![1; count], maps, time, range }
}

#[test]
fn detectors_tell_a_stranger_and_controls_do_not() {
    let mut lessons = Lessons::default();
    assert!(lessons.is_empty());
    lessons.enrolled(frames(2.0, 80, 1)).unwrap();
    lessons.stranger("bob", frames(3.5, 60, 2)).unwrap();
    let suite = Suite::fit(&lessons).unwrap();
    let (genuine, stranger) =
        (suite.judge(&frames(2.0, 60, 3)).unwrap(), suite.judge(&frames(3.5, 60, 4)).unwrap());
    let area = |name: &str| {
        let of = |columns: &[(&'static str, Vec<f64>)]| {
            columns.iter().find(|(column, _)| *column == name).unwrap().1.clone()
        };
        let trial = |is_genuine| move |score| Trial { score, is_genuine, recording: 0 };
        let genuine = of(&genuine).into_iter().map(trial(true));
        let trials = genuine.chain(of(&stranger).into_iter().map(trial(false)));
        Ranking::new(trials.collect()).figures(|_| 1.0).unwrap().auroc
    };
    for name in ["mahalanobis-linear", REFERENCE, "nearest", "one-class-svm", "classifier"] {
        assert!(area(name) > 0.95, "{name}: {}", area(name));
    }
    // 60 against 60 at chance: deviation 0.053
    for name in ["masked", "distance", "clock"] {
        assert!((area(name) - 0.5).abs() < 0.2, "{name}: {}", area(name));
    }
}

#[test]
fn too_few_frames_are_refused_and_without_strangers_there_is_no_classifier() {
    let mut lessons = Lessons::default();
    lessons.enrolled(frames(2.0, 10, 1)).unwrap();
    assert!(Suite::fit(&lessons).unwrap_err().to_string().contains("10 radar frames"));
    lessons.enrolled(frames(2.0, 20, 2)).unwrap();
    let columns = Suite::fit(&lessons).unwrap().judge(&frames(2.0, 3, 3)).unwrap();
    assert!(columns.iter().all(|(name, _)| !["classifier", "msp", "energy"].contains(name)));
    assert!(columns.iter().all(|(_, scores)| mean(scores).unwrap().is_finite()));
}
