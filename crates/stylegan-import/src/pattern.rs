//! Patterns of names: `synthesis.b{R}.conv0.weight` stands for that parameter of every block.
//!
//! A pattern of the native side is matched and binds its variables: `R`, a resolution, and `i`, an index. A pattern of
//! the other side is filled in, and may use what follows from them, with a factor before and an offset behind
//! (`{2block-1}`, `{2i+1}`).

/// What is known when a name is filled in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bindings {
    values: Vec<(String, usize)>,
    /// Blocks of the network, from 4x4 to the full resolution.
    blocks: usize,
}

impl Bindings {
    /// The variables of `pattern` in `name`, if it fits.
    pub(crate) fn of(pattern: &str, name: &str, blocks: usize) -> Option<Self> {
        let mut bindings = Self { values: Vec::new(), blocks };
        let (mut pattern, mut name) = (pattern, name);
        while let Some((literal, rest)) = pattern.split_once('{') {
            let (variable, behind) = rest.split_once('}')?;
            name = name.strip_prefix(literal)?;
            let end = name.find(|c: char| !c.is_ascii_digit()).unwrap_or(name.len());
            let value = name[..end].parse().ok()?;
            if bindings.get(variable).is_some_and(|bound| bound != value) {
                return None;
            }
            bindings.values.push((variable.to_owned(), value));
            (pattern, name) = (behind, &name[end..]);
        }
        (pattern == name).then_some(bindings)
    }

    fn get(&self, variable: &str) -> Option<usize> {
        self.values.iter().find(|(name, _)| name == variable).map(|(_, value)| *value)
    }

    /// The resolution `R`, if the name has one.
    pub(crate) fn resolution(&self) -> Option<usize> {
        self.get("R")
    }

    /// The name that `pattern` stands for; `None` where a number would be negative or is not known.
    pub(crate) fn fill(&self, pattern: &str) -> Option<String> {
        let mut name = String::new();
        let mut rest = pattern;
        while let Some((literal, behind)) = rest.split_once('{') {
            let (expression, behind) = behind.split_once('}')?;
            name.push_str(literal);
            name.push_str(&self.evaluate(expression)?.to_string());
            rest = behind;
        }
        name.push_str(rest);
        Some(name)
    }

    fn evaluate(&self, expression: &str) -> Option<usize> {
        let start = expression.find(|c: char| !c.is_ascii_digit())?;
        let (factor, rest) = expression.split_at(start);
        let end = rest.find(['+', '-']).unwrap_or(rest.len());
        let (variable, offset) = rest.split_at(end);
        let factor = if factor.is_empty() { 1 } else { factor.parse().ok()? };
        let offset: i64 = if offset.is_empty() { 0 } else { offset.parse().ok()? };
        let value = i64::try_from(self.variable(variable)?).ok()? * factor + offset;
        usize::try_from(value).ok()
    }

    fn variable(&self, name: &str) -> Option<usize> {
        // Blocks are counted from 4x4, levels of detail from the full resolution.
        let block = || (self.resolution()?.checked_ilog2()? as usize).checked_sub(2);
        match name {
            "block" => block(),
            "lod" => (self.blocks).checked_sub(1 + block()?),
            // Layers of a discriminator count two a block from the full resolution down.
            "down" => Some(2 * (self.blocks).checked_sub(1 + block()?)?),
            "last" => Some(2 * self.blocks.checked_sub(1)?),
            "blocks" => Some(self.blocks),
            other => self.get(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_matched_and_filled_in() {
        let of = |pattern, name| Bindings::of(pattern, name, 4);
        let bound = of("synthesis.b{R}.conv0.weight", "synthesis.b16.conv0.weight").unwrap();
        assert_eq!(bound.fill("{R}x{R}/Conv0_up").unwrap(), "16x16/Conv0_up");
        assert_eq!(bound.fill("a{block}b{2block-1}c{lod}d{down+1}").unwrap(), "a2b3c1d3");
        assert_eq!(bound.fill("{3block-7}"), None);
        assert!(of("b{R}.x", "b16.y").is_none() && of("b{R}.x", "b.x").is_none());
        assert!(of("{a}x{a}", "8x8").is_some() && of("{a}x{a}", "8x16").is_none());
        assert_eq!(of("dense{i}.w", "dense3.w").unwrap().fill("s.{2i+1}").unwrap(), "s.7");
    }
}
