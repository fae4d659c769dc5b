//! Strict loading: names and shapes must be exactly those that a network has.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use candle_core::Tensor;

use crate::CheckpointError;

/// A tensor of another shape than expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShapeMismatch {
    /// The tensor.
    pub name: String,
    /// The shape that was expected.
    pub expected: Vec<usize>,
    /// The shape that came.
    pub found: Vec<usize>,
}

/// All differences between the tensors expected and those found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mismatch {
    /// Names expected but absent.
    pub missing: Vec<String>,
    /// Names present but not expected.
    pub unexpected: Vec<String>,
    /// Names with another shape.
    pub shapes: Vec<ShapeMismatch>,
}

impl Mismatch {
    fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.shapes.is_empty()
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the tensors do not fit this configuration")?;
        let mut list = |title: &str, lines: Vec<String>| {
            if lines.is_empty() {
                return Ok(());
            }
            write!(formatter, "\n  {title} ({}):", lines.len())?;
            lines.iter().try_for_each(|line| write!(formatter, "\n    {line}"))
        };
        list("missing", self.missing.clone())?;
        list("unexpected", self.unexpected.clone())?;
        let shapes = self
            .shapes
            .iter()
            .map(|s| format!("{}: expected {:?}, found {:?}", s.name, s.expected, s.found))
            .collect();
        list("of another shape", shapes)
    }
}

/// Checks that `found` has exactly the expected names with the expected shapes.
///
/// # Errors
/// [`CheckpointError::Mismatch`] with everything that differs at once.
pub fn match_names<'a>(
    expected: impl IntoIterator<Item = (&'a str, &'a [usize])>,
    found: &BTreeMap<String, Tensor>,
) -> Result<(), CheckpointError> {
    let mut mismatch = Mismatch::default();
    let mut known = BTreeSet::new();
    for (name, shape) in expected {
        known.insert(name);
        match found.get(name) {
            None => mismatch.missing.push(name.to_owned()),
            Some(tensor) if tensor.dims() != shape => mismatch.shapes.push(ShapeMismatch {
                name: name.to_owned(),
                expected: shape.to_vec(),
                found: tensor.dims().to_vec(),
            }),
            Some(_) => {}
        }
    }
    mismatch.unexpected =
        found.keys().filter(|name| !known.contains(name.as_str())).cloned().collect();
    if mismatch.is_empty() {
        Ok(())
    } else {
        Err(CheckpointError::Mismatch { path: None, mismatch: Box::new(mismatch) })
    }
}
