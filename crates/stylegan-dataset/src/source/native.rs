//! A prepared set as a collection, so that every tool for collections takes it.

use std::sync::OnceLock;

use super::labels::Labels;
use super::{Raw, Source};
use crate::native::Native;

/// The largest level of a prepared set.
#[derive(Debug)]
pub(super) struct NativeSource {
    native: Native,
    labels: OnceLock<Labels>,
}

impl NativeSource {
    pub(super) fn new(native: Native) -> Self {
        Self { native, labels: OnceLock::new() }
    }
}

impl Source for NativeSource {
    fn describe(&self) -> String {
        format!("the set {}", self.native.path().display())
    }

    fn len(&self) -> usize {
        self.native.header().images
    }

    fn name(&self, index: usize) -> String {
        self.native.name(index)
    }

    fn read(&self, index: usize) -> Result<Raw, String> {
        let image = self.native.image(index, 0).ok_or("there is no such picture")?;
        Ok(Raw::Pixels(image))
    }

    fn labels(&self) -> &Labels {
        self.labels.get_or_init(|| self.native.labels())
    }

    fn fingerprint(&self) -> Option<String> {
        Some(self.native.header().content.clone())
    }

    fn as_native(&self) -> Option<&Native> {
        Some(&self.native)
    }
}
