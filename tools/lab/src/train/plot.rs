//! Curves of losses as SVG.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::SVGBackend;
use plotters::prelude::{ChartBuilder, Color, IntoDrawingArea, LineSeries, PathElement, RGBColor};

use super::fit::Epoch;

/// Okabe and Ito's blue and vermilion: told apart by the colour blind, too.
const TRAIN: RGBColor = RGBColor(0, 114, 178);
const WATCH: RGBColor = RGBColor(213, 94, 0);

/// Draws both losses over epochs.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn curve(path: &Path, title: &str, epochs: &[Epoch]) -> Result<()> {
    draw(path, title, epochs).map_err(|error| anyhow!("{}: {error}", path.display()))
}

fn draw(path: &Path, title: &str, epochs: &[Epoch]) -> Result<(), Box<dyn std::error::Error>> {
    let values = epochs.iter().flat_map(|epoch| [epoch.train, epoch.watched.loss]);
    let most = values.fold(f64::MIN_POSITIVE, f64::max);
    let area = SVGBackend::new(path, (640, 400)).into_drawing_area();
    area.fill(&plotters::style::WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(56)
        .build_cartesian_2d(1.0..real(epochs.len().max(2)), 0.0..1.05 * most)?;
    chart.configure_mesh().x_desc("epoch").y_desc("loss").draw()?;
    let train: Vec<f64> = epochs.iter().map(|epoch| epoch.train).collect();
    let watch: Vec<f64> = epochs.iter().map(|epoch| epoch.watched.loss).collect();
    for (name, colour, losses) in [("trained on", TRAIN, train), ("not trained on", WATCH, watch)] {
        let points = losses.into_iter().enumerate().map(|(n, loss)| (real(n + 1), loss));
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 16, y)], colour));
    }
    chart.configure_series_labels().border_style(plotters::style::BLACK).draw()?;
    area.present()?;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "far less than 2^52 epochs")]
const fn real(count: usize) -> f64 {
    count as f64
}
