//! Labels of a collection: class numbers, or vectors, or none.

use sha2::{Digest, Sha256};

/// The most classes that a label may distinguish: a label is a vector of so many numbers.
pub const MAX_CLASSES: usize = 100_000;

/// The labels of all pictures of a collection.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Labels {
    kind: Kind,
    names: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Default)]
enum Kind {
    #[default]
    None,
    Classes(Vec<u32>),
    Vectors(Vec<f32>),
}

impl Labels {
    /// No labels.
    pub fn none() -> Self {
        Self::default()
    }

    /// A class number for each picture; labels are one-hot vectors with as many values as `names`.
    /// Numbers past the names get names of their own: the number.
    pub fn classes(mut names: Vec<String>, numbers: Vec<u32>) -> Self {
        let most = numbers.iter().max().map_or(0, |&most| most as usize + 1);
        names.extend((names.len()..most).map(|number| number.to_string()));
        Self { kind: Kind::Classes(numbers), names }
    }

    /// A vector of as many values as `names` for each picture, one after the other. One-hot vectors
    /// become classes.
    pub fn vectors(names: Vec<String>, values: Vec<f32>) -> Self {
        if names.is_empty() {
            return Self::none();
        }
        let hot = |vector: &[f32]| {
            let at = vector.iter().position(|&value| value == 1.0)?;
            let rest = vector.iter().enumerate().all(|(i, &value)| i == at || value == 0.0);
            rest.then_some(at as u32)
        };
        let classes: Option<Vec<u32>> = values.chunks_exact(names.len()).map(hot).collect();
        let kind = classes.map_or(Kind::Vectors(values), Kind::Classes);
        Self { kind, names }
    }

    /// Length of a label; 0 without labels.
    pub fn dim(&self) -> usize {
        self.names.len()
    }

    /// What each value of a label stands for.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The label of a picture: [`Labels::dim`] values.
    pub fn get(&self, index: usize) -> Vec<f32> {
        let dim = self.dim();
        match &self.kind {
            Kind::None => Vec::new(),
            Kind::Classes(numbers) => {
                let mut label = vec![0.0; dim];
                let number = numbers.get(index).map(|&number| number as usize);
                if let Some(value) = number.and_then(|number| label.get_mut(number)) {
                    *value = 1.0;
                }
                label
            }
            Kind::Vectors(values) => {
                values.get(index * dim..(index + 1) * dim).unwrap_or_default().to_vec()
            }
        }
    }

    /// The class of a picture, where labels are classes.
    pub fn class(&self, index: usize) -> Option<usize> {
        match &self.kind {
            Kind::Classes(numbers) => numbers.get(index).map(|&number| number as usize),
            _ => None,
        }
    }

    /// Whether labels are classes.
    pub fn are_classes(&self) -> bool {
        matches!(self.kind, Kind::Classes(_))
    }

    /// The labels of some pictures, in their order.
    pub fn select(&self, indices: &[usize]) -> Self {
        let kind = match &self.kind {
            Kind::None => Kind::None,
            Kind::Classes(numbers) => Kind::Classes(
                indices.iter().map(|&i| numbers.get(i).copied().unwrap_or_default()).collect(),
            ),
            Kind::Vectors(_) => Kind::Vectors(indices.iter().flat_map(|&i| self.get(i)).collect()),
        };
        Self { kind, names: self.names.clone() }
    }

    /// Pictures of each class, or of which each value is above zero, in the order of the names.
    pub fn counts(&self, len: usize) -> Vec<(String, usize)> {
        let mut counts = vec![0; self.dim()];
        for index in 0..len {
            match self.class(index) {
                Some(class) => {
                    if let Some(count) = counts.get_mut(class) {
                        *count += 1;
                    }
                }
                None => {
                    for (count, value) in counts.iter_mut().zip(self.get(index)) {
                        *count += usize::from(value > 0.0);
                    }
                }
            }
        }
        self.names.iter().cloned().zip(counts).collect()
    }

    /// Adds one picture's label to a hash.
    pub(crate) fn digest(&self, index: usize, hash: &mut Sha256) {
        match self.class(index) {
            Some(class) => hash.update((class as u64).to_le_bytes()),
            None => self.get(index).iter().for_each(|value| hash.update(value.to_le_bytes())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_hot_vectors_are_classes() {
        let names = || vec!["a".to_owned(), "b".to_owned()];
        let hot = Labels::vectors(names(), vec![0.0, 1.0, 1.0, 0.0]);
        assert_eq!(hot, Labels::classes(names(), vec![1, 0]));
        assert_eq!(hot.get(0), [0.0, 1.0]);
        let free = Labels::vectors(names(), vec![0.0, 0.5, 1.0, 0.0]);
        assert!(!free.are_classes());
        assert_eq!(free.select(&[1]).get(0), [1.0, 0.0]);
        assert_eq!(free.counts(2), [("a".to_owned(), 1), ("b".to_owned(), 1)]);
    }

    #[test]
    fn classes_without_names_are_numbered() {
        let labels = Labels::classes(Vec::new(), vec![2, 0]);
        assert_eq!(labels.names(), ["0", "1", "2"]);
        assert_eq!(labels.select(&[0]).dim(), 3);
    }
}
