//! `dataset.json` of stylegan2-ada: a class number or a vector for each file.

use std::collections::HashMap;

use serde::Deserialize;

use super::labels::{Labels, MAX_CLASSES};

/// The most bytes that a file of labels may have: 512 MiB.
pub(crate) const MAX_BYTES: u64 = 512 << 20;

/// The labels of a `dataset.json`, by file name.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonLabels {
    entries: Vec<(String, JsonLabel)>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
enum JsonLabel {
    Class(u64),
    Vector(Vec<f32>),
}

#[derive(Deserialize)]
struct File {
    labels: Option<Vec<(String, JsonLabel)>>,
}

/// Reads the text of a `dataset.json`; `None` if it says that there are no labels.
///
/// # Errors
/// What is wrong with it: no JSON of this form, or labels of several kinds.
pub fn parse_labels(text: &[u8]) -> Result<Option<JsonLabels>, String> {
    let file: File = serde_json::from_slice(text).map_err(|error| {
        format!("expected {{\"labels\": [[\"name.png\", class number or list of numbers], ...]}} or null: {error}")
    })?;
    let Some(entries) = file.labels.filter(|entries| !entries.is_empty()) else { return Ok(None) };
    let kind = |label: &JsonLabel| match label {
        JsonLabel::Class(_) => "a class number".to_owned(),
        JsonLabel::Vector(values) => format!("a vector of {} values", values.len()),
    };
    let first = kind(&entries[0].1);
    if let Some((name, label)) = entries.iter().find(|(_, label)| kind(label) != first) {
        let (other, found) = (&entries[0].0, kind(label));
        return Err(format!("it mixes kinds of labels: {other} has {first}, {name} has {found}"));
    }
    for (name, label) in &entries {
        match label {
            JsonLabel::Class(number) if *number >= MAX_CLASSES as u64 => {
                return Err(format!("{name} is of class {number}: expected below {MAX_CLASSES}"));
            }
            JsonLabel::Vector(values) if values.len() > MAX_CLASSES => {
                return Err(format!("{name} has a vector of more than {MAX_CLASSES} values"));
            }
            JsonLabel::Vector(values) if !values.iter().all(|value| value.is_finite()) => {
                return Err(format!("the label of {name} is not finite"));
            }
            _ => {}
        }
    }
    Ok(Some(JsonLabels { entries }))
}

impl JsonLabels {
    /// The labels in the order of `names`.
    ///
    /// # Errors
    /// If a name has no label, or a label names no picture.
    pub fn in_order(&self, names: &[String]) -> Result<Labels, String> {
        let mut by_name: HashMap<&str, &JsonLabel> = HashMap::with_capacity(self.entries.len());
        for (name, label) in &self.entries {
            if by_name.insert(name, label).is_some() {
                return Err(format!("it names {name} twice"));
            }
        }
        let mut found = Vec::with_capacity(names.len());
        for name in names {
            let label = by_name.remove(name.as_str());
            found.push(label.ok_or_else(|| format!("{name} has no label in it"))?);
        }
        if let Some((name, _)) =
            self.entries.iter().find(|(name, _)| by_name.contains_key(name.as_str()))
        {
            let count = by_name.len();
            return Err(format!("it names {count} files that are missing; the first is {name}"));
        }
        let mut classes = Vec::new();
        let mut values = Vec::new();
        let mut dim = 0;
        for label in found {
            match label {
                JsonLabel::Class(number) => classes.push(*number as u32),
                JsonLabel::Vector(vector) => {
                    dim = vector.len();
                    values.extend_from_slice(vector);
                }
            }
        }
        if dim > 0 {
            Ok(Labels::vectors((0..dim).map(|i| i.to_string()).collect(), values))
        } else if classes.len() == names.len() {
            Ok(Labels::classes(Vec::new(), classes))
        } else {
            Ok(Labels::none())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str, names: &[&str]) -> Result<Labels, String> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        parse_labels(text.as_bytes())?.map_or(Ok(Labels::none()), |labels| labels.in_order(&names))
    }

    #[test]
    fn reads_classes_vectors_and_none() {
        let read = labels(r#"{"labels": [["b", 2], ["a", 0]]}"#, &["a", "b"]).unwrap();
        assert_eq!(read, Labels::classes(Vec::new(), vec![0, 2]));
        let read = labels(r#"{"labels": [["a", [0.5, 1]], ["b", [0, -1]]]}"#, &["a", "b"]).unwrap();
        assert_eq!(read.get(1), [0.0, -1.0]);
        assert_eq!(labels(r#"{"labels": null}"#, &["a"]).unwrap(), Labels::none());
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, part) in [
            ("{", "expected {\"labels\""),
            (r#"{"labels": [["a", -1]]}"#, "expected {\"labels\""),
            (r#"{"labels": [["a", 4000000000]]}"#, "below 100000"),
            (
                r#"{"labels": [["a", 1], ["b", [1.0]]]}"#,
                "mixes kinds of labels: a has a class number, b has",
            ),
            (r#"{"labels": [["a", [1.0]], ["b", [1.0, 2.0]]]}"#, "mixes kinds of labels"),
            (r#"{"labels": [["a", 1]]}"#, "b has no label"),
            (r#"{"labels": [["a", 1], ["b", 1], ["c", 1]]}"#, "missing; the first is c"),
            (r#"{"labels": [["a", 1], ["b", 1], ["a", 2]]}"#, "names a twice"),
        ] {
            let error = labels(text, &["a", "b"]).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
