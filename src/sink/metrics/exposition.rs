//! The text format of Prometheus, version 0.0.4: families of samples with labels.

use std::fmt::{Display, Write as _};

use super::histogram::{BOUNDS, Histogram};

/// What a family is; the names are those of the format.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A page of metrics while it is written. Everything of one family is written together.
#[derive(Debug, Default)]
pub(super) struct Exposition {
    text: String,
    family: &'static str,
}

impl Exposition {
    /// Begins the family `name`; `help` says what it is, in one line.
    pub(super) fn family(&mut self, name: &'static str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.family = name;
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    /// One sample of the family.
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        let family = self.family;
        self.line(format_args!("{family}{} {value}", Labels(labels)));
    }

    /// The samples of one histogram of the family.
    pub(super) fn histogram(&mut self, label: (&str, &str), histogram: &Histogram) {
        let counts = histogram.cumulative();
        let family = self.family;
        for (&bound, count) in BOUNDS.iter().zip(counts) {
            let bound = seconds(bound).to_string();
            let labels = Labels(&[label, ("le", &bound)]).to_string();
            self.line(format_args!("{family}_bucket{labels} {count}"));
        }
        let count = counts[BOUNDS.len()];
        let all = Labels(&[label, ("le", "+Inf")]).to_string();
        self.line(format_args!("{family}_bucket{all} {count}"));
        let sum = i64::try_from(histogram.sum()).unwrap_or(i64::MAX);
        self.line(format_args!("{family}_sum{} {}", Labels(&[label]), seconds(sum)));
        self.line(format_args!("{family}_count{} {count}", Labels(&[label])));
    }

    /// The page.
    pub(super) fn finish(self) -> String {
        self.text
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing into a String cannot fail.
        let _written = writeln!(self.text, "{line}");
    }
}

/// Microseconds as seconds: the format's base unit.
#[expect(clippy::cast_precision_loss, reason = "exact up to 285 years")]
pub(super) fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

/// `{a="b",c="d"}`, or nothing without labels.
struct Labels<'a>(&'a [(&'a str, &'a str)]);

impl Display for Labels<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, (name, value)) in self.0.iter().enumerate() {
            f.write_char(if at == 0 { '{' } else { ',' })?;
            write!(f, "{name}=\"")?;
            for letter in value.chars() {
                match letter {
                    '\\' => f.write_str("\\\\")?,
                    '"' => f.write_str("\\\"")?,
                    '\n' => f.write_str("\\n")?,
                    other => f.write_char(other)?,
                }
            }
            f.write_char('"')?;
        }
        if self.0.is_empty() { Ok(()) } else { f.write_char('}') }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Micros;

    #[test]
    fn labels_are_escaped_as_the_format_asks() {
        let mut page = Exposition::default();
        page.family("x_total", Kind::Counter, "Things.");
        page.sample(&[("reason", "a\"b\\c\nd"), ("sensor", "é")], 7);
        page.sample(&[], 0.5);
        let expected = "# HELP x_total Things.\n# TYPE x_total counter\n\
                        x_total{reason=\"a\\\"b\\\\c\\nd\",sensor=\"é\"} 7\nx_total 0.5\n";
        assert_eq!(page.finish(), expected);
    }

    #[test]
    fn a_histogram_ends_with_all_its_sum_and_its_count() {
        let histogram = Histogram::default();
        histogram.observe(Micros(30));
        histogram.observe(Micros(9_000_000));
        let mut page = Exposition::default();
        page.family("x_seconds", Kind::Histogram, "Time.");
        page.histogram(("stage", "radar"), &histogram);
        let text = page.finish();
        assert!(text.contains("x_seconds_bucket{stage=\"radar\",le=\"0.000025\"} 0\n"), "{text}");
        assert!(text.contains("x_seconds_bucket{stage=\"radar\",le=\"0.00005\"} 1\n"), "{text}");
        let end = "x_seconds_bucket{stage=\"radar\",le=\"+Inf\"} 2\n\
                   x_seconds_sum{stage=\"radar\"} 9.00003\nx_seconds_count{stage=\"radar\"} 2\n";
        assert!(text.ends_with(end), "{text}");
    }
}
