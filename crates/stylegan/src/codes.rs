//! Latent codes in files: styles, the noise maps that belong to them, and of which model they are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::Tensor;
use stylegan_checkpoint::CheckpointError;

/// The tensor of styles.
const STYLES: &str = "ws";
/// The tensor of attributes.
const LABELS: &str = "labels";
/// Before the names of noise maps.
const NOISE: &str = "noise:";
/// Metadata: the model's fingerprint, the names of the codes, the names of the attributes.
const MODEL: &str = "stylegan.codes.model";
const NAMES: &str = "stylegan.codes.names";
const ATTRIBUTES: &str = "stylegan.codes.attributes";

/// Codes of one model.
#[derive(Debug, Clone)]
pub struct Codes {
    /// Styles `[N, layers, w_dim]`.
    pub ws: Tensor,
    /// The fingerprint of the model that they are of (see [`fingerprint`](crate::fingerprint)).
    pub model: String,
    /// What each is: an image's name, a seed; N, or none.
    pub names: Vec<String>,
    /// Noise maps by the names of the model's own, in whose places they belong; none for the model's own.
    pub noise: BTreeMap<String, Tensor>,
    /// Which attributes each has, `[N, attributes]` of 0 and 1, and the attributes' names.
    pub labels: Option<(Vec<String>, Tensor)>,
}

/// Codes that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodesError {
    /// The file itself.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A safetensors file of something else.
    #[error("{} holds no codes: {missing}", path.display())]
    NotCodes {
        /// The file.
        path: PathBuf,
        /// What it lacks.
        missing: String,
    },
    /// Codes of another model, or of another shape.
    #[error("{} holds codes of another model: {difference}", path.display())]
    OtherModel {
        /// The file.
        path: PathBuf,
        /// What differs.
        difference: String,
    },
    /// A list in the metadata that is none.
    #[error("{}: a list in the metadata cannot be read", path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A tensor.
    #[error("the codes cannot be used")]
    Tensor(#[from] candle_core::Error),
}

impl Codes {
    /// Writes a file, atomically. `extra` is added to the metadata.
    ///
    /// # Errors
    /// If the file cannot be written; one that was there is then as it was.
    pub fn save(&self, path: &Path, extra: &BTreeMap<String, String>) -> Result<(), CodesError> {
        let list = |names: &[String]| {
            serde_json::to_string(names)
                .map_err(|source| CodesError::Metadata { path: path.to_owned(), source })
        };
        let mut metadata = extra.clone();
        metadata.insert(MODEL.to_owned(), self.model.clone());
        metadata.insert(NAMES.to_owned(), list(&self.names)?);
        let mut tensors = vec![(STYLES.to_owned(), self.ws.clone())];
        tensors
            .extend(self.noise.iter().map(|(name, map)| (format!("{NOISE}{name}"), map.clone())));
        if let Some((names, labels)) = &self.labels {
            metadata.insert(ATTRIBUTES.to_owned(), list(names)?);
            tensors.push((LABELS.to_owned(), labels.clone()));
        }
        let named = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor));
        Ok(stylegan_checkpoint::save(path, named, &metadata)?)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, or holds something else.
    pub fn load(path: &Path) -> Result<Self, CodesError> {
        let not = |missing: &str| CodesError::NotCodes {
            path: path.to_owned(),
            missing: missing.to_owned(),
        };
        let file = stylegan_checkpoint::load(path)?;
        let list = |key: &str| -> Result<Vec<String>, CodesError> {
            let text = file.metadata.get(key).map_or("[]", String::as_str);
            serde_json::from_str(text)
                .map_err(|source| CodesError::Metadata { path: path.to_owned(), source })
        };
        let model = file.metadata.get(MODEL).cloned();
        let model = model.ok_or_else(|| not(&format!("its metadata has no `{MODEL}`")))?;
        let (names, attributes) = (list(NAMES)?, list(ATTRIBUTES)?);
        let mut tensors = file.tensors;
        let ws =
            tensors.remove(STYLES).ok_or_else(|| not(&format!("it has no tensor `{STYLES}`")))?;
        let (n, _, _) = ws.dims3().map_err(|_| not("its styles are not [N, layers, w_dim]"))?;
        let labels = tensors.remove(LABELS).map(|labels| (attributes, labels));
        if let Some((attributes, labels)) = &labels
            && labels.dims() != [n, attributes.len()]
        {
            let found = labels.dims();
            return Err(not(&format!("labels are {found:?}, for {n} codes of {attributes:?}")));
        }
        let noise = tensors
            .into_iter()
            .filter_map(|(name, map)| Some((name.strip_prefix(NOISE)?.to_owned(), map)))
            .collect();
        Ok(Self { ws, model, names, noise, labels })
    }

    /// As [`Self::load`], and checks that they are of the model with this fingerprint and of these numbers of layers and components.
    ///
    /// # Errors
    /// As [`Self::load`], and [`CodesError::OtherModel`].
    pub fn load_for(
        path: &Path,
        model: &str,
        (layers, w_dim): (usize, usize),
    ) -> Result<Self, CodesError> {
        let codes = Self::load(path)?;
        let (_, found_layers, found_dim) = codes.ws.dims3()?;
        let difference = if (found_layers, found_dim) != (layers, w_dim) {
            format!(
                "{found_layers} styles of {found_dim} components, the model takes {layers} of {w_dim}"
            )
        } else if codes.model != model {
            format!("its fingerprint is {}, this model's {model}", codes.model)
        } else {
            return Ok(codes);
        };
        Err(CodesError::OtherModel { path: path.to_owned(), difference })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn codes_come_back_and_know_their_model() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("codes.safetensors");
        let ws = Tensor::arange(0f32, 12.0, &Device::Cpu).unwrap().reshape((2, 3, 2)).unwrap();
        let labels = Tensor::new(&[[0f32], [1.0]], &Device::Cpu).unwrap();
        let codes = Codes {
            noise: BTreeMap::from([("b4.noise.const".to_owned(), labels.clone())]),
            labels: Some((vec!["smile".to_owned()], labels)),
            names: vec!["a".to_owned(), "b".to_owned()],
            model: "00ff".to_owned(),
            ws,
        };
        codes.save(&path, &BTreeMap::new()).unwrap();
        let found = Codes::load_for(&path, "00ff", (3, 2)).unwrap();
        assert_eq!(found.ws.to_vec3::<f32>().unwrap(), codes.ws.to_vec3::<f32>().unwrap());
        assert_eq!(found.names, codes.names);
        assert_eq!(found.labels.unwrap().0, ["smile"]);
        assert!(found.noise.contains_key("b4.noise.const"));

        let error = Codes::load_for(&path, "beef", (3, 2)).unwrap_err().to_string();
        assert!(error.contains("00ff") && error.contains("beef"), "{error}");
        let error = Codes::load_for(&path, "00ff", (4, 2)).unwrap_err().to_string();
        assert!(error.contains("3 styles of 2 components, the model takes 4"), "{error}");
        stylegan_checkpoint::save(&path, std::iter::empty(), &BTreeMap::new()).unwrap();
        assert!(matches!(Codes::load(&path), Err(CodesError::NotCodes { .. })));
    }
}
