//! Named directions, in memory and in files.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Tensor};

use super::{EditError, unit};

/// Known names that an error shows.
const SHOWN: usize = 3;

/// Directions by name, each `[w_dim]` of length 1.
#[derive(Debug, Clone, Default)]
pub struct Directions(BTreeMap<String, Tensor>);

impl Directions {
    /// Reads a safetensors file of one tensor `[w_dim]` a direction, of any length, such as normals of classifiers. Ones without length (of attributes
    /// that no classifier tells apart) are left out.
    ///
    /// # Errors
    /// A file that cannot be read, or a tensor of another shape.
    pub fn load(path: &Path, w_dim: usize) -> Result<Self, EditError> {
        let mut directions = Self::default();
        for (name, tensor) in stylegan_checkpoint::load(path)?.tensors {
            if tensor.dims() != [w_dim] {
                let (path, found) = (path.to_owned(), tensor.dims().to_vec());
                return Err(EditError::Shape { path, name, found, w_dim });
            }
            directions.insert(&name, &tensor)?;
        }
        Ok(directions)
    }

    /// Writes all of them in single precision, atomically.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: &Path, metadata: &BTreeMap<String, String>) -> Result<(), EditError> {
        let single = self.0.iter().map(|(name, x)| -> candle_core::Result<_> {
            Ok((name.clone(), x.to_dtype(DType::F32)?))
        });
        let single = single.collect::<candle_core::Result<BTreeMap<_, _>>>()?;
        let named = single.iter().map(|(name, tensor)| (name.as_str(), tensor));
        Ok(stylegan_checkpoint::save(path, named, metadata)?)
    }

    /// Adds one, with length 1; one without length is not added.
    ///
    /// # Errors
    /// A tensor that cannot be read.
    pub fn insert(&mut self, name: &str, direction: &Tensor) -> Result<(), EditError> {
        if let Some(direction) = unit(direction)? {
            self.0.insert(name.to_owned(), direction);
        }
        Ok(())
    }

    /// The direction of this name.
    ///
    /// # Errors
    /// [`EditError::UnknownDirection`] with the known names that are most like it.
    pub fn get(&self, name: &str) -> Result<&Tensor, EditError> {
        self.0.get(name).ok_or_else(|| {
            let likeness = |known: &str| strsim::normalized_damerau_levenshtein(known, name);
            let mut nearest: Vec<String> = self.names().map(str::to_owned).collect();
            nearest.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)));
            nearest.truncate(SHOWN);
            EditError::UnknownDirection { name: name.to_owned(), nearest }
        })
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
