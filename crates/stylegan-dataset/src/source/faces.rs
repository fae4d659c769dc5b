//! The bundled faces as a collection, so that every tool for collections takes them.

use super::labels::Labels;
use super::{Raw, Source};
use crate::dataset::Dataset;
use crate::error::DatasetError;
use crate::faces::{Faces, FacesConfig};

/// Faces drawn as they are asked for.
#[derive(Debug)]
pub(super) struct FacesSource {
    faces: Faces,
    labels: Labels,
}

impl FacesSource {
    pub(super) fn new(config: FacesConfig) -> Result<Self, DatasetError> {
        let count = config.count;
        let faces = Faces::new(FacesConfig { cache_bytes: 0, ..config })?;
        let values = (0..count).flat_map(|index| faces.face(index).attributes().to_label());
        let labels = Labels::vectors(faces.label_names(), values.collect());
        Ok(Self { faces, labels })
    }
}

impl Source for FacesSource {
    fn describe(&self) -> String {
        String::from("bundled faces")
    }

    fn len(&self) -> usize {
        self.faces.len()
    }

    fn name(&self, index: usize) -> String {
        format!("face{index:08}")
    }

    fn read(&self, index: usize) -> Result<Raw, String> {
        let sample = self.faces.get(index).map_err(|error| error.to_string())?;
        Ok(Raw::Pixels(sample.image))
    }

    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn fingerprint(&self) -> Option<String> {
        Some(self.faces.fingerprint())
    }
}
