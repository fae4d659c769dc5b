//! What a measurement gives: a figure with everything that it is worth nothing without.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::Interval;

/// A network that looked at the images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkId {
    /// Its name: `vgg16`.
    pub name: String,
    /// SHA-256 of its file.
    pub checksum: String,
    /// The seed of its weights where they are random, so that the figure compares with nothing published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub random: Option<u64>,
}

/// One figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricResult {
    /// The metric: `fid`, `ppl_w_end`.
    pub metric: String,
    /// The protocol by name, with the settings that tell it from its variants: `stylegan1 (50000 reals, ...)`.
    pub protocol: String,
    /// The figure.
    pub value: f64,
    /// Its 95 % confidence interval by the bootstrap; none where there is none.
    pub interval: Option<Interval>,
    /// Samples that it was computed from.
    pub samples: usize,
    /// The seed of all random draws.
    pub seed: u64,
    /// The networks that looked at the images.
    pub networks: Vec<NetworkId>,
    /// Time it took, in seconds; the caller measures it.
    pub seconds: f64,
    /// Further figures that belong to it: recall beside precision, a value per attribute.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, f64>,
    /// What a person should know: too few samples, deviations from the protocol.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl MetricResult {
    /// A figure whose interval, networks, time, details and notes are still to be filled in.
    pub fn new(
        metric: impl Into<String>,
        protocol: impl Into<String>,
        value: f64,
        samples: usize,
        seed: u64,
    ) -> Self {
        Self {
            metric: metric.into(),
            protocol: protocol.into(),
            value,
            interval: None,
            samples,
            seed,
            networks: Vec::new(),
            seconds: 0.0,
            details: BTreeMap::new(),
            notes: Vec::new(),
        }
    }

    /// Adds the interval.
    #[must_use]
    pub fn with_interval(mut self, interval: Option<Interval>) -> Self {
        self.interval = interval;
        self
    }

    /// Adds a network that looked at the images.
    #[must_use]
    pub fn with_network(mut self, network: NetworkId) -> Self {
        self.networks.push(network);
        self
    }

    /// Adds a further figure.
    #[must_use]
    pub fn with_detail(mut self, name: impl Into<String>, value: f64) -> Self {
        self.details.insert(name.into(), value);
        self
    }

    /// Adds a note.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Whether a network with random weights took part: such a figure compares with nothing published.
    pub fn is_random(&self) -> bool {
        self.networks.iter().any(|network| network.random.is_some())
    }

    /// One line of JSON, without its end.
    ///
    /// # Errors
    /// Never for figures that are numbers; JSON has no NaN, which becomes `null`.
    pub fn json_line(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }

    /// Reads a line that [`Self::json_line`] wrote.
    ///
    /// # Errors
    /// If the line is none.
    pub fn from_json_line(line: &str) -> serde_json::Result<Self> {
        serde_json::from_str(line)
    }
}

/// A table for people: a line a figure, and their notes below.
pub fn table(results: &[MetricResult]) -> String {
    let mut rows = vec![
        ["metric", "value", "95 % interval", "samples", "seed", "time", "protocol"]
            .map(str::to_owned),
    ];
    for result in results {
        let interval = result.interval.map_or_else(
            || "-".to_owned(),
            |interval| format!("{} to {}", number(interval.low), number(interval.high)),
        );
        let label = if result.is_random() { "RANDOM FEATURES: " } else { "" };
        rows.push([
            result.metric.clone(),
            number(result.value),
            interval,
            result.samples.to_string(),
            result.seed.to_string(),
            format!("{:.1} s", result.seconds),
            format!("{label}{}", result.protocol),
        ]);
        for (name, value) in &result.details {
            let mut row = [const { String::new() }; 7];
            row[0] = format!("  {name}");
            row[1] = number(*value);
            rows.push(row);
        }
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..7).map(|column| width(column).unwrap_or_default()).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            // Figures are read from the right, words from the left.
            let _ = match column {
                1 | 3 | 4 | 5 => write!(line, "{cell:>width$}  "),
                _ => write!(line, "{cell:<width$}  "),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    for result in results {
        for network in &result.networks {
            if let Some(seed) = network.random {
                let _ = writeln!(
                    text,
                    "{}: {} has random weights (seed {seed}): compare this figure with no published one",
                    result.metric, network.name
                );
            }
        }
        for note in &result.notes {
            let _ = writeln!(text, "{}: {note}", result.metric);
        }
    }
    text
}

/// Six significant digits: what float32 features are good for.
fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let digits = (5 - value.abs().log10().floor() as i32).clamp(0, 10) as usize;
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result() -> MetricResult {
        let network =
            NetworkId { name: "inception".to_owned(), checksum: "67".to_owned(), random: None };
        MetricResult::new("fid", "stylegan1", 4.415_934, 50_000, 7)
            .with_interval(Some(Interval { low: 4.4, high: 4.5 }))
            .with_network(network)
            .with_detail("mean term", 0.25)
    }

    #[test]
    fn a_line_of_json_is_read_back_the_same() {
        let result = result().with_note("a \"note\"\nof two lines");
        let line = result.json_line().unwrap();
        assert!(!line.contains('\n'));
        assert_eq!(MetricResult::from_json_line(&line).unwrap(), result);
    }

    #[test]
    fn the_table_labels_random_features_twice() {
        let mut random = result();
        assert!(!table(&[result()]).contains("RANDOM"));
        random.networks[0].random = Some(3);
        let text = table(&[random]);
        assert!(text.contains("RANDOM FEATURES: stylegan1"), "{text}");
        assert!(text.contains("compare this figure with no published one"), "{text}");
    }

    #[test]
    fn columns_line_up() {
        let text = table(&[result(), MetricResult::new("kid", "p", -0.000_012_5, 10, 0)]);
        let starts: Vec<_> = text.lines().filter_map(|line| line.find("stylegan1")).collect();
        assert_eq!(
            starts,
            text.lines().next().unwrap().find("protocol").into_iter().collect::<Vec<_>>()
        );
        assert!(text.contains("4.41593") && text.contains("-0.0000125000"), "{text}");
    }
}
