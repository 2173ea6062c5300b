//! What people read: a page, and a few lines on the terminal.

pub(crate) mod html;
mod svg;

use super::analysis::Report;
use super::analysis::targets::{percent, plain};

/// The targets and the main rows, for a terminal.
pub(crate) fn short(report: &Report) -> String {
    let mut text = String::new();
    let column = if report.of.simulated { "SIM" } else { "REAL" };
    let mut line = |words: String| {
        text.push_str(&words);
        text.push('\n');
    };
    line(format!("{column}. {}", report.limits.first().map_or("", String::as_str)));
    line(String::new());
    for target in &report.targets {
        let measured = if report.of.simulated { &target.sim } else { &target.real };
        line(format!("{:62} {:52} {}", target.what, target.bar, measured.words()));
    }
    line(String::new());
    for row in report.identity.rows.iter().filter(|row| row.subset == "all strangers") {
        let far = row.false_accept.as_ref().map_or_else(|| "-".to_owned(), percent);
        line(format!(
            "{:20} {:6} AUROC {:24} FPR95 {:26} FAR {far}",
            row.detector,
            row.grain,
            plain(&row.auroc),
            percent(&row.fpr95)
        ));
    }
    for row in report.expression.rows.iter().filter(|row| row.grain == "window") {
        line(format!(
            "{:9} {:32} accuracy {:26} macro-F1 {:.3}",
            row.source,
            row.subset,
            percent(&row.accuracy),
            row.macro_f1
        ));
    }
    report.identity.words.iter().for_each(|words| line(words.clone()));
    text
}
