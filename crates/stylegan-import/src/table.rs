//! A dialect's table of names, and what a file must hold to fit it.

use std::collections::{BTreeMap, BTreeSet};

use stylegan::Shapes;
use stylegan_checkpoint::{Mismatch, ShapeMismatch};

use crate::layout::{Layout, Numbers};
use crate::pattern::Bindings;

/// A line of a table: the other side's name, the native one, and what lies between.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) foreign: &'static str,
    pub(crate) native: &'static str,
    pub(crate) layout: Layout,
    pub(crate) numbers: Numbers,
    /// Resolutions that it holds for.
    from: usize,
    to: usize,
}

/// The line for a tensor that is the same on both sides.
pub(crate) const fn rule(foreign: &'static str, native: &'static str) -> Rule {
    let (layout, numbers) = (Layout::SAME, Numbers::Same);
    Rule { foreign, native, layout, numbers, from: 0, to: usize::MAX }
}

impl Rule {
    /// With another layout on the other side.
    pub(crate) const fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// With numbers that mean something else there.
    pub(crate) const fn numbers(mut self, numbers: Numbers) -> Self {
        self.numbers = numbers;
        self
    }

    /// Only from this resolution on.
    pub(crate) const fn from(mut self, resolution: usize) -> Self {
        self.from = resolution;
        self
    }

    /// Only below this resolution.
    pub(crate) const fn below(mut self, resolution: usize) -> Self {
        self.to = resolution;
        self
    }

    fn bind(&self, native: &str, blocks: usize) -> Option<Bindings> {
        let bindings = Bindings::of(self.native, native, blocks)?;
        let fits = |resolution| (self.from..self.to).contains(&resolution);
        bindings.resolution().is_none_or(fits).then_some(bindings)
    }
}

/// A dialect's table for one kind of network. The first line that fits a native name counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table {
    /// Its lines, in parts; none where all names are the same on both sides.
    pub(crate) rules: &'static [&'static [Rule]],
    /// Names of the other side that carry nothing: constant kernels, counters. A star stands for any beginning.
    pub(crate) ignored: &'static [&'static str],
    /// Native names that the other side may lack; they get their initial value.
    pub(crate) optional: &'static [&'static str],
}

/// Where a native tensor comes from.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) native: String,
    /// The other side's tensor and the line of the table; `None` for an initial value.
    pub(crate) source: Option<(String, Rule)>,
}

impl Table {
    fn rule_for(&self, native: &str, blocks: usize) -> Option<(String, Rule)> {
        if self.rules.is_empty() {
            return Some((native.to_owned(), rule("", "")));
        }
        let rules = self.rules.iter().flat_map(|part| part.iter());
        let mut found = rules.filter_map(|rule| {
            let foreign = rule.bind(native, blocks)?.fill(rule.foreign)?;
            Some((foreign, *rule))
        });
        found.next()
    }

    fn is_optional(&self, native: &str) -> bool {
        self.optional.iter().any(|pattern| Bindings::of(pattern, native, 0).is_some())
    }

    fn is_ignored(&self, foreign: &str) -> bool {
        self.ignored.iter().any(|pattern| match pattern.strip_prefix('*') {
            Some(end) => foreign.ends_with(end),
            None => Bindings::of(pattern, foreign, 0).is_some(),
        })
    }

    /// Where each tensor of `native` is in a file that holds `foreign`.
    ///
    /// # Errors
    /// Everything that is missing, unexpected or of another shape, in the other side's names and layout.
    pub(crate) fn plan(
        &self,
        native: &Shapes,
        blocks: usize,
        foreign: &BTreeMap<&str, &[usize]>,
    ) -> Result<Vec<Row>, Box<Mismatch>> {
        let mut mismatch = Mismatch::default();
        let mut used = BTreeSet::new();
        let mut rows = Vec::with_capacity(native.len());
        for (name, shape) in native {
            let source = self.rule_for(name, blocks);
            let found = source.as_ref().and_then(|(key, _)| foreign.get(key.as_str()));
            match (source, found) {
                (Some((key, rule)), Some(found)) => {
                    let expected = rule.layout.foreign_shape(shape);
                    if expected != **found {
                        let (name, found) = (key.clone(), found.to_vec());
                        mismatch.shapes.push(ShapeMismatch { name, expected, found });
                    }
                    used.insert(key.clone());
                    rows.push(Row { native: name.clone(), source: Some((key, rule)) });
                }
                (_, None) if self.is_optional(name) => {
                    rows.push(Row { native: name.clone(), source: None });
                }
                (Some((key, _)), None) => mismatch.missing.push(key),
                (None, _) => mismatch.missing.push(format!("{name} (which this dialect lacks)")),
            }
        }
        let unexpected =
            foreign.keys().filter(|name| !used.contains(**name) && !self.is_ignored(name));
        mismatch.unexpected = unexpected.map(|name| (*name).to_owned()).collect();
        if mismatch == Mismatch::default() { Ok(rows) } else { Err(Box::new(mismatch)) }
    }

    /// The other side's name and the line for each tensor of `native` that it has.
    pub(crate) fn reversed(&self, native: &Shapes, blocks: usize) -> Vec<(String, String, Rule)> {
        let named = native.keys().filter_map(|name| {
            self.rule_for(name, blocks).map(|(foreign, rule)| (name.clone(), foreign, rule))
        });
        named.collect()
    }
}
