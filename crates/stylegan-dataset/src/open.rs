//! From what a user types to a data set.

use crate::cache::DEFAULT_BYTES;
use crate::collection::{Collection, CollectionOptions};
use crate::dataset::{Dataset, Progress};
use crate::error::DatasetError;
use crate::faces::{Faces, FacesConfig};
use crate::picture::{Crop, Filter};
use crate::source::{SourceOptions, open_source};

/// What is wanted of whatever data set is opened.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OpenOptions {
    /// Height and width of the pictures; `faces@RESOLUTION` overrides it. 32 by 32 by default.
    pub resolution: (usize, usize),
    /// 1 (grey), 3 (RGB, the default) or 4 (RGBA).
    pub channels: usize,
    /// Seed of the bundled faces; 0 by default.
    pub seed: u64,
    /// Folders and zip archives: the sub-folders are classes. False by default; sets that carry
    /// labels have them in any case.
    pub class_per_folder: bool,
    /// Images that cannot be read are left out and counted. False by default.
    pub skip_bad: bool,
    /// How images are made smaller or larger; Lanczos by default.
    pub filter: Filter,
    /// Pictures are kept in memory if all of them take at most so many bytes; 2 GiB by default.
    pub cache_bytes: u64,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            resolution: (32, 32),
            channels: 3,
            seed: 0,
            class_per_folder: false,
            skip_bad: false,
            filter: Filter::default(),
            cache_bytes: DEFAULT_BYTES,
        }
    }
}

/// Opens the data set that a text names: `faces`, `faces:COUNT`, `faces@RESOLUTION`,
/// `faces:COUNT@RESOLUTION`, or the path of anything that [`open_source`] recognises.
///
/// `faces` always means the bundled faces; a folder of that name is `./faces`. A prepared set that
/// stores the resolution and has the channels is read as it is; everything else is cropped around
/// its centre, resized and converted on the way.
///
/// # Errors
/// If the text is none of these, nothing is at the path, or the set does not open.
///
/// # Example
/// ```
/// use stylegan_dataset::{Dataset, OpenOptions, open, silent};
/// let data = open("faces:500@16", &OpenOptions::default(), &silent)?;
/// assert_eq!((data.len(), data.resolution()), (500, (16, 16)));
/// # Ok::<(), stylegan_dataset::DatasetError>(())
/// ```
pub fn open(
    spec: &str,
    options: &OpenOptions,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Box<dyn Dataset>, DatasetError> {
    let faces = FacesConfig {
        resolution: options.resolution,
        channels: options.channels,
        seed: options.seed,
        cache_bytes: options.cache_bytes,
        ..FacesConfig::default()
    };
    if let Some(config) = faces_config(spec, &faces)? {
        return Ok(Box::new(Faces::new(config)?));
    }
    let (height, width) = options.resolution;
    let source = SourceOptions {
        side: (height == width).then_some(height),
        class_per_folder: options.class_per_folder,
        faces,
    };
    let source = open_source(spec, &source)?;
    if let Some(native) = source.as_native()
        && let Some(set) = native.at(options.resolution, options.channels)
    {
        return Ok(Box::new(set));
    }
    let fitting = CollectionOptions {
        resolution: options.resolution,
        channels: options.channels,
        skip_bad: options.skip_bad,
        crop: Crop::Center,
        filter: options.filter,
        cache_bytes: options.cache_bytes,
    };
    Ok(Box::new(Collection::new(source, fitting, progress)?))
}

/// The faces that a text names, with `defaults` for what it leaves out; `None` if it names a path.
pub(crate) fn faces_config(
    spec: &str,
    defaults: &FacesConfig,
) -> Result<Option<FacesConfig>, DatasetError> {
    if spec.is_empty() {
        return Err(DatasetError::Spec { spec: String::new(), reason: "it is empty".into() });
    }
    let rest = spec.strip_prefix("faces");
    let Some(rest) = rest.filter(|rest| rest.is_empty() || rest.starts_with([':', '@'])) else {
        return Ok(None);
    };
    let number = |text: &str, what: &str| {
        text.parse::<usize>().ok().filter(|&n| n > 0).ok_or_else(|| DatasetError::Spec {
            spec: spec.into(),
            reason: format!("expected {what} as a whole number above zero, got \"{text}\""),
        })
    };
    let mut config = defaults.clone();
    let (count, side) = rest.split_once('@').map_or((rest, None), |(a, b)| (a, Some(b)));
    if let Some(count) = count.strip_prefix(':') {
        config.count = number(count, "a count of faces")?;
    }
    if let Some(side) = side {
        let side = number(side, "a resolution")?;
        config.resolution = (side, side);
    }
    Ok(Some(config))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::silent;

    fn shape(spec: &str) -> Result<(usize, (usize, usize)), DatasetError> {
        let options = OpenOptions { resolution: (8, 16), ..OpenOptions::default() };
        open(spec, &options, &silent).map(|data| (data.len(), data.resolution()))
    }

    #[test]
    fn reads_the_faces() {
        assert_eq!(shape("faces").unwrap(), (10_000, (8, 16)));
        assert_eq!(shape("faces:12").unwrap(), (12, (8, 16)));
        assert_eq!(shape("faces@64").unwrap(), (10_000, (64, 64)));
        assert_eq!(shape("faces:12@64").unwrap(), (12, (64, 64)));
    }

    #[test]
    fn says_what_it_expected() {
        for (spec, part) in [
            ("faces:", "a count"),
            ("faces:many", "\"many\""),
            ("faces:0", "above zero"),
            ("faces:12@", "a resolution"),
            ("faces:12@-4", "\"-4\""),
            ("", "empty"),
            ("faces@3", "from 4 to 4096"),
            ("no/such/folder", "no/such/folder"),
            ("facets", "facets"),
        ] {
            let error = shape(spec).expect_err(spec);
            assert!(error.to_string().contains(part), "{spec}: {error}");
            assert!(error.hint().is_some(), "{spec}");
        }
    }
}
