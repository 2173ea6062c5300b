//! Plots as SVG, drawn with the colours of the page.

/// Width and height of a plot, with its labels.
const SIZE: [f64; 2] = [440.0, 320.0];
/// Room for labels: left, top, right, bottom.
const MARGIN: [f64; 4] = [56.0, 14.0, 14.0, 44.0];
/// Classes of the page that colour series.
const COLOURS: usize = 5;

/// Where a value lies on an axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    pub(super) name: &'static str,
    /// Values at both ends.
    pub(super) from: f64,
    pub(super) to: f64,
    /// Marks, each with its words.
    pub(super) marks: &'static [(f64, &'static str)],
    /// Bends the axis before it is stretched to its length; the same for all values.
    pub(super) bend: fn(f64) -> f64,
}

/// Shares from 0 to 1.
pub(super) const SHARE: [(f64, &str); 6] =
    [(0.0, "0"), (0.2, "0.2"), (0.4, "0.4"), (0.6, "0.6"), (0.8, "0.8"), (1.0, "1")];

/// As it is.
pub(super) const fn straight(value: f64) -> f64 {
    value
}

impl Axis {
    /// A share from 0 to 1.
    pub(super) const fn share(name: &'static str) -> Self {
        Self { name, from: 0.0, to: 1.0, marks: &SHARE, bend: straight }
    }

    /// 0 to 1 along the axis; what lies outside is drawn at its end.
    fn place(&self, value: f64) -> f64 {
        let bent = |x: f64| (self.bend)(x.clamp(self.from, self.to));
        (bent(value) - bent(self.from)) / (bent(self.to) - bent(self.from))
    }
}

/// A line or a set of points.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) points: Vec<[f64; 2]>,
    /// Dots with these intervals instead of a line, if any.
    pub(super) bars: Option<Vec<[f64; 2]>>,
}

impl Series {
    /// A line.
    pub(super) fn line(name: impl Into<String>, points: Vec<[f64; 2]>) -> Self {
        Self { name: name.into(), points, bars: None }
    }
}

/// A plot of `series`, or words if there is nothing to draw.
pub(super) fn plot(title: &str, [x, y]: &[Axis; 2], series: &[Series]) -> String {
    let [width, height] = SIZE;
    let [left, top, right, bottom] = MARGIN;
    let at = |[a, b]: [f64; 2]| {
        [
            left + x.place(a) * (width - left - right),
            height - bottom - y.place(b) * (height - top - bottom),
        ]
    };
    let mut svg = String::new();
    let mut put = |piece: String| svg.push_str(&piece);
    let title = escape(title);
    put(format!(
        "<figure><svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title}\">"
    ));
    for (value, words) in x.marks {
        let [a, low] = at([*value, y.from]);
        put(format!(
            "<path class=\"grid\" d=\"M{a:.1} {low:.1}V{top}\"/>\
             <text x=\"{a:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{words}</text>",
            low + 15.0
        ));
    }
    for (value, words) in y.marks {
        let [a, b] = at([x.from, *value]);
        put(format!(
            "<path class=\"grid\" d=\"M{a:.1} {b:.1}H{:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{words}</text>",
            width - right,
            a - 6.0,
            b + 4.0
        ));
    }
    put(format!(
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
         <text transform=\"translate(13 {:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
        f64::midpoint(left, width - right),
        height - 8.0,
        x.name,
        f64::midpoint(top, height - bottom),
        y.name
    ));
    for (number, one) in series.iter().enumerate() {
        put(format!("<g class=\"c{}\">{}</g>", number % COLOURS, draw(one, at)));
    }
    put(format!("</svg><figcaption><b>{title}</b>"));
    for (number, one) in series.iter().enumerate() {
        let name = escape(&one.name);
        put(format!(" <span class=\"key c{}\">{name}</span>", number % COLOURS));
    }
    put(format!("{}</figcaption></figure>", if series.is_empty() { ": not measured" } else { "" }));
    svg
}

fn draw(series: &Series, at: impl Fn([f64; 2]) -> [f64; 2]) -> String {
    let mut svg = String::new();
    let mut put = |piece: String| svg.push_str(&piece);
    if let Some(bars) = &series.bars {
        for (point, [low, high]) in series.points.iter().zip(bars) {
            let [x, y] = at(*point);
            let ([_, from], [_, to]) = (at([point[0], *low]), at([point[0], *high]));
            put(format!(
                "<path d=\"M{x:.1} {from:.1}V{to:.1}\"/><circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>"
            ));
        }
    }
    let mut path = String::new();
    for (number, point) in series.points.iter().enumerate() {
        let [x, y] = at(*point);
        let step = if number == 0 { 'M' } else { 'L' };
        path.push_str(&format!("{step}{x:.1} {y:.1}"));
    }
    put(format!("<path d=\"{path}\"/>"));
    svg
}

/// Text that may hold anything, for a page.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
