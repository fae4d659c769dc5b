//! A prepared set as a data set.

use super::Native;
use crate::dataset::{Dataset, Sample, check_index};
use crate::error::DatasetError;

/// The pictures of a prepared set from one of its levels downwards.
#[derive(Debug, Clone)]
pub struct NativeSet {
    native: Native,
    top: usize,
}

impl NativeSet {
    pub(super) fn new(native: Native, top: usize) -> Self {
        Self { native, top }
    }

    /// The set on disk.
    pub fn native(&self) -> &Native {
        &self.native
    }
}

impl Dataset for NativeSet {
    fn len(&self) -> usize {
        self.native.header().images
    }

    fn resolution(&self) -> (usize, usize) {
        self.native.header().levels[self.top]
    }

    fn channels(&self) -> usize {
        self.native.header().channels
    }

    fn label_dim(&self) -> usize {
        self.native.header().label_names.len()
    }

    fn label_names(&self) -> Vec<String> {
        self.native.header().label_names.clone()
    }

    fn levels(&self) -> usize {
        self.native.header().levels.len() - self.top
    }

    fn get(&self, index: usize) -> Result<Sample, DatasetError> {
        self.get_at(index, 0)
    }

    fn get_at(&self, index: usize, level: usize) -> Result<Sample, DatasetError> {
        check_index(index, self.len())?;
        let levels = self.levels();
        let image = self.native.image(index, self.top + level);
        let image = image.ok_or(DatasetError::Level { level, levels })?;
        Ok(Sample { image, label: self.native.label(index) })
    }

    fn fingerprint(&self) -> String {
        let (height, width) = self.resolution();
        let content = &self.native.header().content;
        format!("set-{}-{height}x{width}-{}", self.len(), content.get(..32).unwrap_or(content))
    }

    fn describe(&self) -> String {
        let (height, width) = self.resolution();
        let (count, channels) = (self.len(), self.channels());
        let labels = match (self.label_dim(), self.native.header().labels) {
            (0, _) => String::new(),
            (n, super::LabelKind::Classes) => format!(", {n} classes"),
            (n, _) => format!(", labels of {n} values"),
        };
        let path = self.native.path().display();
        format!(
            "{count} images of the set {path}, {height}x{width}, {channels} channels{labels}, mapped"
        )
    }
}
