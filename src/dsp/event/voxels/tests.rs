//! Voxel grids against a twin that asks every cell who belongs to it, and windows at odd times.

use ndarray::Array4;
use proptest::prelude::*;

use super::*;
use crate::dsp::event::testing::{SMALL, any_events, event, splits};

const ALL: Region = Region { x: 0, y: 0, width: SMALL.width, height: SMALL.height };
const SHORT: VoxelConfig = VoxelConfig { window_ms: 4, hop_ms: 1, capacity: 1_000 };

/// Every window that `batches` close, with its tensor.
fn windows(
    config: &VoxelConfig,
    region: Region,
    batches: &[&[Event]],
) -> (Vec<(Voxelized, Array4<f32>)>, VoxelCounts) {
    let mut voxels = Voxels::plan(config);
    let mut tensor = Array4::from_elem(Voxels::SHAPE, f32::NAN);
    let mut found = Vec::new();
    for event in batches.iter().copied().flatten() {
        while let Some(window) = voxels.run(event.t, region, &mut tensor) {
            found.push((window, tensor.clone()));
            tensor.fill(f32::NAN);
        }
        voxels.push(*event);
    }
    (found, voxels.counts())
}

/// The definition, in wide integers: for each event, the voxel whose box in time and space it is in.
fn slow_twin(events: &[Event], start: i64, window: i64, region: Region) -> Array4<f32> {
    let mut counts = Array4::<u16>::zeros(Voxels::SHAPE);
    let below = |edge: usize, cells: usize, length: i128| edge as i128 * length / cells as i128;
    let holds = |i: usize, cells: usize, length: i128, at: i128| {
        // cell i holds the pixels p with floor(p * cells / length) == i
        let first = below(i, cells, length) + i128::from(i as i128 * length % cells as i128 != 0);
        let next =
            below(i + 1, cells, length) + i128::from((i as i128 + 1) * length % cells as i128 != 0);
        (first..next).contains(&at)
    };
    for e in events {
        let t = i128::from(e.t) - i128::from(start);
        let (x, y) =
            (i128::from(e.x) - i128::from(region.x), i128::from(e.y) - i128::from(region.y));
        let find = |cells, length, at| (0..cells).find(|&i| holds(i, cells, length, at));
        if let (Some(bin), Some(column), Some(row)) = (
            find(Voxels::BINS, i128::from(window), t),
            find(Voxels::SIDE, i128::from(region.width), x),
            find(Voxels::SIDE, i128::from(region.height), y),
        ) {
            counts[[usize::from(e.on), bin, row, column]] += 1;
        }
    }
    counts.mapv(|n| f32::from(n.min(5)) / 5.0)
}

#[test]
fn a_window_holds_its_first_microsecond_and_not_the_one_after_its_last() {
    let stream = [
        event(0, 0, 0, true),
        event(3_999, 1, 0, true),
        event(4_000, 2, 0, false),
        event(5_000, 3, 0, true),
    ];
    let (found, _) = windows(&SHORT, ALL, &[&stream]);
    let spans: Vec<_> = found.iter().map(|(w, _)| (w.start, w.end, w.events)).collect();
    assert_eq!(spans, [(0, 4_000, 2), (1_000, 5_000, 2)]);
    let column = |x: usize| x * 112 / 12;
    assert_eq!(found[0].1[[1, 0, 0, 0]].to_bits(), 0.2f32.to_bits());
    assert_eq!(found[0].1[[1, 15, 0, column(1)]].to_bits(), 0.2f32.to_bits());
    assert_eq!(found[1].1[[0, 12, 0, column(2)]].to_bits(), 0.2f32.to_bits());
}

#[test]
fn the_sixth_event_of_a_voxel_is_clipped_and_counted() {
    let mut stream = vec![event(0, 5, 5, true); 7];
    stream.push(event(4_000, 0, 0, true));
    let (found, _) = windows(&SHORT, ALL, &[&stream]);
    let (window, tensor) = &found[0];
    assert_eq!((window.events, window.clipped), (7, 2));
    assert!((tensor.sum() - 1.0).abs() < f32::EPSILON);
}

#[test]
fn events_beside_the_region_are_not_in_the_window() {
    let region = Region { x: 3, y: 2, width: 4, height: 5 };
    let on_edges = [(3, 2), (6, 6), (2, 2), (7, 6), (3, 1), (6, 7)];
    let mut stream: Vec<_> = on_edges.iter().map(|&(x, y)| event(0, x, y, true)).collect();
    stream.push(event(4_000, 0, 0, true));
    let (found, _) = windows(&SHORT, region, &[&stream]);
    assert_eq!(found[0].0.events, 2);
    assert!(found[0].1[[1, 0, 0, 0]] > 0.0);
    assert!(found[0].1[[1, 0, 4 * 112 / 5, 3 * 112 / 4]] > 0.0);
}

#[test]
fn an_empty_region_gives_an_empty_tensor() {
    let none = Region { x: 3, y: 3, width: 0, height: 0 };
    let (found, _) = windows(&SHORT, none, &[&[event(0, 3, 3, true), event(4_000, 3, 3, true)]]);
    assert_eq!(found[0].0.events, 0);
    assert!(found[0].1.iter().all(|&v| v.to_bits() == 0));
}

#[test]
fn an_hour_without_events_costs_no_windows() {
    let hour = 3_600_000_000;
    let stream = [event(0, 1, 1, true), event(hour, 1, 1, true), event(hour + 1_000, 1, 1, true)];
    let (found, counts) = windows(&SHORT, ALL, &[&stream]);
    let ends: Vec<_> = found.iter().map(|(w, _)| w.end).collect();
    assert_eq!(ends, [4_000, hour + 1_000]);
    assert_eq!(counts.empty, 3_600_000 - 4);
}

#[test]
fn a_memory_too_small_keeps_the_newest_events_and_says_so() {
    let config = VoxelConfig { capacity: 3, ..SHORT };
    let mut stream: Vec<_> = (0..5).map(|t| event(t, 1, 1, true)).collect();
    stream.push(event(4_000, 1, 1, true));
    stream.push(event(9_000, 1, 1, true));
    let (found, counts) = windows(&config, ALL, &[&stream]);
    assert_eq!((found[0].0.events, found[0].0.complete), (3, false));
    assert!(found[1].0.complete);
    assert_eq!(counts.overflow, 2);
}

#[test]
fn a_restarted_camera_begins_anew_instead_of_stalling() {
    let late = 1_000_000_000;
    let stream = [event(late, 1, 1, true), event(0, 1, 1, true), event(4_000, 1, 1, true)];
    let (found, counts) = windows(&SHORT, ALL, &[&stream]);
    assert_eq!(found.iter().map(|(w, _)| (w.end, w.events)).collect::<Vec<_>>(), [(4_000, 1)]);
    assert_eq!(counts.restarts, 1);
}

#[test]
fn times_at_both_ends_of_i64_neither_overflow_nor_loop() {
    let ends = [i64::MIN, i64::MAX, i64::MIN, 0, i64::MAX, i64::MAX, -1, i64::MIN + 1];
    let stream: Vec<_> = ends.iter().map(|&t| event(t, 1, 1, true)).collect();
    let (found, _) = windows(&VoxelConfig::default(), ALL, &[&stream]);
    assert!(found.len() < 20);
}

#[test]
fn defaults_are_within_their_own_ranges() {
    VoxelConfig::default().check().unwrap();
    assert_eq!(
        VoxelConfig { hop_ms: 0, ..VoxelConfig::default() }.check().unwrap_err().key,
        "hop-ms"
    );
}

#[test]
fn scaling_by_multiplication_is_exact_for_every_width_and_the_longest_windows() {
    for whole in (1..2_000).chain([65_535, 9_999_999, 10_000_000]) {
        let scale = Scale::new(112, whole);
        let near_edges = (0..=112).flat_map(|i| {
            let edge = i * whole / 112;
            edge.saturating_sub(2)..(edge + 3).min(whole)
        });
        for part in near_edges {
            assert_eq!(scale.of(part) as u64, part * 112 / whole, "{part} of {whole}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))] // each case clears tensors of 400 000 voxels

    #[test]
    fn any_split_gives_the_same_windows(events in any_events(), cuts in splits()) {
        let config = VoxelConfig { window_ms: 16, hop_ms: 10, capacity: 100 };
        let whole = windows(&config, ALL, &[&events]);
        prop_assert!(whole == windows(&config, ALL, &cuts.of(&events)));
    }

    #[test]
    fn each_window_agrees_with_the_twin(
        start in -10_000i64..10_000,
        steps in prop::collection::vec((0i64..900, 0u16..12, 0u16..10, any::<bool>()), 1..200),
        x in 0u16..8, y in 0u16..8, width in 1u16..5, height in 1u16..3,
    ) {
        let mut t = start;
        let stream: Vec<_> = steps
            .into_iter()
            .map(|(step, x, y, on)| { t += step; event(t, x, y, on) })
            .collect();
        let region = Region { x, y, width, height };
        let config = VoxelConfig { window_ms: 17, hop_ms: 13, capacity: 1_000 };
        for (window, tensor) in windows(&config, region, &[&stream]).0 {
            prop_assert_eq!(window.end.rem_euclid(13_000), 0);
            prop_assert!(tensor == slow_twin(&stream, window.start, 17_000, region));
        }
    }
}
