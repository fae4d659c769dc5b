//! MNIST and its kin: images and labels in IDX files, gzipped or not.

use std::path::{Path, PathBuf};

use super::bytes::{MAX_INFLATED, first_unpacked, whole_unpacked};
use super::labels::{Labels, MAX_CLASSES};
use super::{Raw, Source};
use crate::dataset::Image;
use crate::error::DatasetError;

/// First bytes of a file of images: unsigned bytes in three dimensions.
const IMAGES: [u8; 4] = [0, 0, 8, 3];

/// First bytes of a file of labels: unsigned bytes in one dimension.
const LABELS: [u8; 4] = [0, 0, 8, 1];

/// How the names of the files of images and of labels end, before `.gz`.
const IMAGES_END: &str = "-images-idx3-ubyte";
const LABELS_END: &str = "-labels-idx1-ubyte";

/// Images of 28x28 get a border so wide, to be 32x32 as the networks want them (and as StyleGAN's
/// own tool makes them).
const BORDER: usize = 2;

const HINT: &str =
    "get the file again; both the file of images and that of labels are needed whole";

/// An IDX file of grey images and, if it is there, the file of their labels.
#[derive(Debug)]
pub struct Idx {
    path: PathBuf,
    rows: usize,
    columns: usize,
    border: usize,
    pixels: Vec<u8>,
    labels: Labels,
}

/// Whether a file holds images in this format.
pub(super) fn is_idx(path: &Path) -> bool {
    first_unpacked(path, 4).is_ok_and(|start| start == IMAGES)
}

/// The file of images in a folder of such files: that of the training set, if there are several.
pub(super) fn in_folder(root: &Path) -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(root)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| stem(path).is_some_and(|name| name.ends_with(IMAGES_END)) && is_idx(path))
        .collect();
    found.sort();
    let train = found.iter().position(|path| stem(path).is_some_and(|name| name.contains("train")));
    (!found.is_empty()).then(|| found.swap_remove(train.unwrap_or(0)))
}

/// A file's name without `.gz`.
fn stem(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    Some(name.strip_suffix(".gz").unwrap_or(name).to_owned())
}

impl Idx {
    /// Reads a file of images, and the file of labels beside it if there is one.
    ///
    /// # Errors
    /// If a file does not read, is cut short or too long, or if the two do not fit.
    pub fn open(path: &Path) -> Result<Self, DatasetError> {
        let bytes = whole_unpacked(path, MAX_INFLATED)?;
        let (shape, start) = header::<3>(&bytes, IMAGES)
            .map_err(|reason| DatasetError::format(path, reason, HINT))?;
        let [count, rows, columns] = shape;
        if count == 0 || !(1..=4096).contains(&rows) || !(1..=4096).contains(&columns) {
            let reason = format!("{count} images of {rows}x{columns} are not possible");
            return Err(DatasetError::format(path, reason, HINT));
        }
        let mut pixels = bytes;
        pixels.drain(..start);
        let labels = Self::labels(path, count)?;
        let border = if (rows, columns) == (28, 28) { BORDER } else { 0 };
        Ok(Self { path: path.into(), rows, columns, border, pixels, labels })
    }

    fn labels(images: &Path, count: usize) -> Result<Labels, DatasetError> {
        let Some(name) = stem(images)
            .and_then(|name| Some(format!("{}{LABELS_END}", name.strip_suffix(IMAGES_END)?)))
        else {
            return Ok(Labels::none());
        };
        let beside = [name.clone(), format!("{name}.gz")].map(|name| images.with_file_name(name));
        let Some(path) = beside.into_iter().find(|path| path.is_file()) else {
            return Ok(Labels::none());
        };
        let broken = |reason| DatasetError::format(&path, reason, HINT);
        let bytes = whole_unpacked(&path, MAX_INFLATED)?;
        let ([labels], start) = header::<1>(&bytes, LABELS).map_err(broken)?;
        if labels != count {
            return Err(broken(format!("it has {labels} labels, but there are {count} images")));
        }
        let numbers: Vec<u32> = bytes[start..].iter().map(|&number| number.into()).collect();
        debug_assert!(numbers.iter().all(|&number| (number as usize) < MAX_CLASSES));
        Ok(Labels::classes(Vec::new(), numbers))
    }
}

/// The sizes in a header of `N` dimensions and where the data begin, checked against their length.
fn header<const N: usize>(bytes: &[u8], magic: [u8; 4]) -> Result<([usize; N], usize), String> {
    let start = 4 + 4 * N;
    if bytes.get(..4) != Some(&magic) || bytes.len() < start {
        return Err(format!("it is no IDX file of bytes in {N} dimensions"));
    }
    let mut shape = [0; N];
    for (side, chunk) in shape.iter_mut().zip(bytes[4..start].as_chunks::<4>().0) {
        *side = u32::from_be_bytes(*chunk) as usize;
    }
    let expected = shape.iter().try_fold(1usize, |product, &side| product.checked_mul(side));
    if expected != Some(bytes.len() - start) {
        let shape = shape.map(|side| side.to_string()).join("x");
        let found = bytes.len() - start;
        return Err(format!("it says {shape} bytes follow, and {found} do"));
    }
    Ok((shape, start))
}

impl Source for Idx {
    fn describe(&self) -> String {
        format!("IDX file {}", self.path.display())
    }

    fn len(&self) -> usize {
        self.pixels.len() / (self.rows * self.columns)
    }

    fn name(&self, index: usize) -> String {
        format!("{index:05}")
    }

    fn read(&self, index: usize) -> Result<Raw, String> {
        let Self { rows, columns, border, .. } = *self;
        let area = rows * columns;
        let pixels = self.pixels.get(index * area..(index + 1) * area);
        let pixels = pixels.ok_or("there is no such image")?;
        let (width, height) = (columns + 2 * border, rows + 2 * border);
        let mut data = vec![0; width * height];
        for (y, row) in pixels.chunks_exact(columns).enumerate() {
            data[(y + border) * width + border..][..columns].copy_from_slice(row);
        }
        Ok(Raw::Pixels(Image { width, height, channels: 1, data }))
    }

    fn labels(&self) -> &Labels {
        &self.labels
    }
}
