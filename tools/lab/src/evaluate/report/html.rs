//! The report as one page without anything from elsewhere.

use visaged::data::message::ExpressionLabel;

use super::svg::{Axis, Series, escape, plot, straight};
use crate::evaluate::analysis::expression::{Pair, Row as ExpressionRow};
use crate::evaluate::analysis::identity::{Det, Row};
use crate::evaluate::analysis::targets::{Measured, Verdict, percent, plain};
use crate::evaluate::analysis::{Report, Seeds};
use crate::evaluate::baselines::detector::DETECTORS;
use crate::evaluate::metrics::Estimate;
use crate::evaluate::networks::name;

/// Colours in light and in dark.
const STYLE: &str = include_str!("report.css");

/// Rates on an axis that stretches what is small, as DET curves do.
const RATES: [(f64, &str); 6] =
    [(0.001, "0.1 %"), (0.01, "1 %"), (0.05, "5 %"), (0.2, "20 %"), (0.5, "50 %"), (0.99, "99 %")];

/// Spreads of simulated persons.
const SPREADS: [(f64, &str); 6] =
    [(0.0, "0"), (1.0, "1"), (2.0, "2"), (3.0, "3"), (4.0, "4"), (5.0, "5")];

/// The page.
pub(crate) fn page(report: &Report) -> String {
    let parts = [
        limits(report),
        targets(report),
        identity(report),
        strangers(report),
        expression(report),
        seeds(report),
        plots(report),
        provenance(report),
    ];
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>visaged: evaluation</title><style>{STYLE}</style></head><body>\n\
         <h1>What the bundle is worth</h1>\n{}</body></html>\n",
        parts.join("\n")
    )
}

fn limits(report: &Report) -> String {
    let lines = report.limits.iter().map(|line| format!("<li>{}</li>", escape(line)));
    format!(
        "<section class=\"limits\"><h2>Limits</h2><ul>{}</ul></section>",
        lines.collect::<String>()
    )
}

fn targets(report: &Report) -> String {
    let cell = |measured: &Measured| {
        let class = match measured.verdict {
            Verdict::Met => "met",
            Verdict::Missed => "missed",
            Verdict::NotMeasured => "none",
        };
        format!("<td class=\"{class}\">{}</td>", escape(&measured.words()))
    };
    let row = |target: &crate::evaluate::analysis::targets::Target| {
        let cells = [&target.sim, &target.bench, &target.real].map(cell).concat();
        format!("<tr><td>{}</td><td>{}</td>{cells}</tr>", escape(&target.what), escape(&target.bar))
    };
    table(
        "Asked for, and reached",
        &["", "bar", "SIM", "BENCH", "REAL"],
        report.targets.iter().map(row),
    )
}

fn identity(report: &Report) -> String {
    let optional = |estimate: &Option<Estimate>| {
        estimate.as_ref().map_or_else(|| "not measured".to_owned(), percent)
    };
    let row = |row: &Row| {
        let kind = DETECTORS.iter().find(|kind| kind.name == row.detector);
        let is_control = kind.is_some_and(|kind| kind.is_control);
        let cells = [
            escape(&row.detector),
            row.grain.clone(),
            plain(&row.auroc),
            percent(&row.fpr95),
            optional(&row.false_accept),
            optional(&row.false_reject),
            optional(&row.genuine_undecided),
            optional(&row.strange_undecided),
            plain(&row.aupr_in),
            plain(&row.aupr_out),
            format!("{:.3}", row.prevalence),
            format!("{} / {}", row.genuine_trials, row.stranger_trials),
        ];
        let cells = cells.map(|cell| format!("<td>{cell}</td>")).concat();
        format!("<tr class=\"{}\">{cells}</tr>", if is_control { "control" } else { "" })
    };
    let head = [
        "detector",
        "per",
        "AUROC",
        "FPR95",
        "FAR",
        "FRR",
        "genuine undecided",
        "strangers undecided",
        "AUPR-in",
        "AUPR-out",
        "prevalence",
        "trials",
    ];
    let mut text = String::from("<h2>Who sits there</h2>");
    text.push_str(&format!("<p>Enrolled: {}. FAR, FRR and undecided at the frozen threshold; intervals are of 95 %, over persons and sessions. Controls are grey and must find nothing.</p>", escape(&report.of.enrolled)));
    let mut subsets: Vec<&str> = Vec::new();
    for row in &report.identity.rows {
        if !subsets.contains(&row.subset.as_str()) {
            subsets.push(&row.subset);
        }
    }
    for subset in subsets {
        let rows: Vec<&Row> =
            report.identity.rows.iter().filter(|row| row.subset == subset).collect();
        let Some(first) = rows.first() else { continue };
        let title = format!(
            "{subset} ({} genuine sessions, {} strangers in {} sessions)",
            first.genuine_sessions, first.strangers, first.stranger_sessions
        );
        text.push_str(&table(&title, &head, rows.into_iter().map(row)));
    }
    if let Some(permuted) = &report.identity.permuted {
        text.push_str(&format!(
            "<p>Persons dealt to recordings at random: AUROC {}; {:.1} % of the deals reach the observed one.</p>",
            plain(&permuted.auroc),
            100.0 * permuted.p
        ));
    }
    let kinds = DETECTORS
        .iter()
        .map(|kind| format!("<dt>{}</dt><dd>{}</dd>", kind.name, escape(kind.about)));
    text.push_str(&format!(
        "<details><summary>What the detectors are</summary><dl>{}</dl></details>",
        kinds.collect::<String>()
    ));
    text
}

fn strangers(report: &Report) -> String {
    let words = report.identity.words.iter().map(|words| format!("<p>{}</p>", escape(words)));
    let rows = report.identity.strangers.iter().enumerate().map(|(at, one)| {
        let auroc = one.auroc.map_or_else(|| "not measured".to_owned(), |auroc| format!("{auroc:.3}"));
        format!(
            "<tr class=\"{}\"><td>{}{}</td><td>{}</td><td>{}</td><td>{:.1} %</td><td>{:.1} %</td><td>{auroc}</td></tr>",
            if at == 0 { "worst" } else { "" },
            escape(&one.person),
            if one.is_near { " (near)" } else { "" },
            one.sessions,
            one.windows,
            100.0 * one.accepted,
            100.0 * one.undecided
        )
    });
    let head = ["stranger", "sessions", "windows of 2 s", "accepted", "undecided", "AUROC"];
    words.collect::<String>() + &table("Each stranger, worst first", &head, rows)
}

fn expression(report: &Report) -> String {
    let row = |row: &ExpressionRow| {
        let recalls = row.recalls.map(|recall| {
            let words =
                recall.map_or_else(|| "not posed".to_owned(), |r| format!("{:.1} %", 100.0 * r));
            format!("<td>{words}</td>")
        });
        let is_control = ["majority", "clock"].contains(&row.source.as_str());
        format!(
            "<tr class=\"{}\"><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{:.3}</td>{}<td>{:.3}</td><td>{:.3}</td><td>{}</td><td>{:.3}</td><td>{:.3}</td><td>{:.1} %</td></tr>",
            if is_control { "control" } else { "" },
            escape(&row.source),
            row.grain,
            row.judged,
            percent(&row.accuracy),
            row.macro_f1,
            recalls.concat(),
            row.negative_log_likelihood,
            row.brier,
            plain(&row.ece),
            row.ece_equal_mass,
            row.aurc,
            100.0 * row.coverage
        )
    };
    let labels = ExpressionLabel::ALL.map(name);
    let recall = labels.map(|label| format!("recall, {label}"));
    let mut head = vec!["source", "per", "judged", "accuracy", "macro-F1"];
    head.extend(recall.iter().map(String::as_str));
    head.extend(["NLL", "Brier", "ECE", "ECE, equal mass", "AURC", "answered at 5 % error"]);
    let mut text = String::from("<h2>Which expression is posed</h2>");
    let mut subsets: Vec<&str> =
        report.expression.rows.iter().map(|row| row.subset.as_str()).collect();
    subsets.dedup();
    for subset in subsets {
        let rows: Vec<&ExpressionRow> =
            report.expression.rows.iter().filter(|row| row.subset == subset).collect();
        let Some(first) = rows.first() else { continue };
        let title = format!(
            "{subset} ({} persons, {} sessions; the most frequent class has {:.1} %)",
            first.persons,
            first.sessions,
            100.0 * first.chance()
        );
        text.push_str(&table(&title, &head, rows.iter().map(|one| row(one))));
        for one in rows.iter().filter(|row| row.grain == "followed" && row.source == "fused") {
            text.push_str(&confusion(one, &labels));
        }
    }
    text + &pairs(&report.expression.pairs)
}

fn confusion(row: &ExpressionRow, labels: &[&str]) -> String {
    let mut head = vec!["posed \\ answered"];
    head.extend(labels);
    let line = |(label, counts): (&&str, &[usize; 4])| {
        let cells = counts.map(|count| format!("<td>{count}</td>")).concat();
        format!("<tr><td>{label}</td>{cells}</tr>")
    };
    let title = format!("{}, {}, {}", row.grain, row.source, row.subset);
    table(&title, &head, labels.iter().zip(&row.confusion.0).map(line))
}

fn pairs(pairs: &[Pair]) -> String {
    let row = |pair: &Pair| {
        let mcnemar = &pair.mcnemar;
        format!(
            "<tr><td>{}</td><td>{}</td><td>{} against {}</td><td>{}</td><td>{} : {}</td><td>{:.3}</td><td>{} : {}</td><td>{:.3}</td></tr>",
            escape(&pair.subset),
            pair.grain,
            pair.first,
            pair.second,
            percent(&pair.difference),
            mcnemar.first_only,
            mcnemar.second_only,
            mcnemar.p_windows,
            mcnemar.first_ahead,
            mcnemar.second_ahead,
            mcnemar.p_sessions
        )
    };
    let head = [
        "persons",
        "per",
        "",
        "accuracy, difference",
        "windows right alone",
        "p (too small: windows are not independent)",
        "sessions ahead",
        "p by sessions",
    ];
    table("Both sensors against one, on the same windows", &head, pairs.iter().map(row))
}

fn seeds(report: &Report) -> String {
    let number = |value: Option<f64>| {
        value.map_or_else(|| "not measured".to_owned(), |value| format!("{value:.4}"))
    };
    let row = |row: &Seeds| {
        let all = row.values.iter().map(|value| number(*value)).collect::<Vec<_>>().join(", ");
        format!(
            "<tr><td>{}</td><td>{}</td><td>{} to {}</td><td>{all}</td></tr>",
            row.figure,
            number(row.median),
            number(row.least),
            number(row.most)
        )
    };
    let title = format!("Every training run ({})", report.runs.len());
    table(&title, &["figure", "median", "range", "all runs"], report.seeds.iter().map(row))
}

fn plots(report: &Report) -> String {
    /// Bends a rate so that 0.1 %, 1 % and 10 % lie about equally far apart.
    fn logit(rate: f64) -> f64 {
        (rate / (1.0 - rate)).ln()
    }
    let rate = |name| Axis { name, from: 0.0005, to: 0.995, marks: &RATES, bend: logit };
    let det = |det: &Det| {
        let points = det.points.iter().map(|point| [point.false_accept, point.false_reject]);
        Series::line(format!("{} per {}", det.detector, det.grain), points.collect())
    };
    let det: Vec<Series> = report.identity.det.iter().map(det).collect();
    let main = |row: &&ExpressionRow| row.subset.starts_with("enrolled") && row.grain == "followed";
    let sensors = ["fused", "radar", "event"];
    let rows: Vec<&ExpressionRow> = report.expression.rows.iter().filter(main).collect();
    let of_sensors = |points: &dyn Fn(&ExpressionRow) -> Vec<[f64; 2]>| -> Vec<Series> {
        let rows = rows.iter().filter(|row| sensors.contains(&row.source.as_str()));
        rows.map(|row| Series::line(row.source.clone(), points(row))).collect()
    };
    let risks = of_sensors(&|row| row.risk_coverage.clone());
    let mut reliability =
        of_sensors(&|row| row.bins.iter().map(|bin| [bin.confidence, bin.accuracy]).collect());
    if !reliability.is_empty() {
        reliability.push(Series::line("what probabilities mean", vec![[0.0, 0.0], [1.0, 1.0]]));
    }
    let spread = Axis {
        name: "spread of simulated persons",
        from: 0.0,
        to: 5.0,
        marks: &SPREADS,
        bend: straight,
    };
    format!(
        "<h2>Curves</h2><div class=\"plots\">{}{}{}{}</div>",
        plot("DET", &[rate("strangers accepted"), rate("genuine rejected")], &det),
        plot("AUROC against the spread", &[spread, Axis::share("AUROC")], &spreads(report)),
        plot(
            "Risk and coverage",
            &[Axis::share("answered"), Axis::share("wrong of these")],
            &risks
        ),
        plot("Reliability", &[Axis::share("confidence"), Axis::share("right")], &reliability)
    )
}

fn spreads(report: &Report) -> Vec<Series> {
    let mut series: Vec<Series> = Vec::new();
    for point in &report.spread {
        let bar = [
            point.auroc.low.unwrap_or(point.auroc.value),
            point.auroc.high.unwrap_or(point.auroc.value),
        ];
        let place = [point.spread, point.auroc.value];
        match series.iter_mut().find(|one| one.name == point.detector) {
            Some(one) => {
                one.points.push(place);
                one.bars.get_or_insert_default().push(bar);
            }
            None => series.push(Series {
                bars: Some(vec![bar]),
                ..Series::line(point.detector.clone(), vec![place])
            }),
        }
    }
    series
}

fn provenance(report: &Report) -> String {
    let [train, calibrate, test] = report.of.parts;
    let runs = report.runs.iter().map(|run| {
        let networks =
            run.trained_on.iter().map(|line| escape(line)).collect::<Vec<_>>().join("; ");
        format!(
            "<li>bundle <code>{}</code>, {} files named as seen. {networks}</li>",
            run.digest, run.seen
        )
    });
    let datasets = report.of.datasets.iter().map(|line| format!("<li>{}</li>", escape(line)));
    format!(
        "<footer><h2>Made from</h2><ul>{}{}</ul><p>{train} recordings taught, {calibrate} calibrated, \
         {test} were judged. {}, {} resamples, seed {}.</p></footer>",
        datasets.collect::<String>(),
        runs.collect::<String>(),
        report.tool,
        report.resamples,
        report.seed
    )
}

fn table(title: &str, head: &[&str], rows: impl Iterator<Item = String>) -> String {
    let head: String = head.iter().map(|cell| format!("<th>{cell}</th>")).collect();
    let rows: String = rows.collect();
    let rows = if rows.is_empty() {
        "<tr><td class=\"none\">not measured</td></tr>".to_owned()
    } else {
        rows
    };
    format!(
        "<div class=\"table\"><table><caption>{}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>",
        escape(title)
    )
}
