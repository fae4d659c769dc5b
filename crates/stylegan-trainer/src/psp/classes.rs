//! Maps of classes, one beside each image.

use std::path::Path;

use candle_core::{Device, Tensor};
use stylegan_dataset::{Source, SourceOptions, open_source};
use stylegan_psp::{PspError, one_hot};

use super::PspTrainError;

/// Grey images whose values are classes, in memory, of one size.
#[derive(Debug, Clone)]
pub struct ClassMaps {
    maps: Vec<u8>,
    side: usize,
    classes: usize,
    describe: String,
}

impl ClassMaps {
    /// Opens the maps `spec` for the images `images`, both collections: as many, with the same names but for what follows the
    /// last dot. Maps of another size are resized to `side` by taking the nearest value, which keeps classes classes; they are
    /// cropped around their centre to a square first, as images are.
    ///
    /// # Errors
    /// Maps that cannot be read, are no grey images, do not belong to the images, or hold values that are no class.
    pub fn open(
        spec: &str,
        images: &str,
        side: usize,
        classes: usize,
    ) -> Result<Self, PspTrainError> {
        let options = SourceOptions::default();
        let (source, images) = (open_source(spec, &options)?, open_source(images, &options)?);
        let describe = source.describe();
        let fault = |reason: String| PspTrainError::Maps { maps: spec.to_owned(), reason };
        if source.len() != images.len() {
            return Err(fault(format!("{} maps, {} images", source.len(), images.len())));
        }
        let mut maps = Vec::with_capacity(source.len() * side * side);
        for index in 0..source.len() {
            let (name, image) = (source.name(index), images.name(index));
            if stem(&name) != stem(&image) {
                return Err(fault(format!("number {index} is {name} beside {image}")));
            }
            maps.extend(
                read(source.as_ref(), index, side).map_err(|e| fault(format!("{name}: {e}")))?,
            );
            let map = &maps[index * side * side..];
            if let Some(class) = map.iter().find(|&&class| usize::from(class) >= classes) {
                let problem = format!(
                    "{name} of {spec} holds {class}, where classes are 0 to {}",
                    classes - 1
                );
                return Err(PspError::Mask { problem }.into());
            }
        }
        Ok(Self { maps, side, classes, describe })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.maps.len() / (self.side * self.side)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.maps.is_empty()
    }

    /// What they are, in words.
    pub fn describe(&self) -> &str {
        &self.describe
    }

    /// The maps of images, one-hot, `[N, classes, side, side]`; `mirrored` says which are turned.
    ///
    /// # Errors
    /// Those of the device.
    pub fn get(
        &self,
        indices: &[usize],
        mirrored: &[bool],
        device: &Device,
    ) -> Result<Tensor, PspTrainError> {
        let area = self.side * self.side;
        let mut bytes = Vec::with_capacity(indices.len() * area);
        for (at, &index) in indices.iter().enumerate() {
            let start = bytes.len();
            bytes.extend_from_slice(&self.maps[index * area..][..area]);
            if mirrored.get(at).copied().unwrap_or_default() {
                bytes[start..].chunks_exact_mut(self.side).for_each(<[u8]>::reverse);
            }
        }
        Ok(one_hot(&bytes, (indices.len(), self.side, self.side), self.classes, device)?)
    }
}

/// Reads a file of one map as classes `[1, classes, side, side]`.
///
/// # Errors
/// A file that cannot be read, or values that are no class.
pub(crate) fn of_bytes(
    name: &Path,
    width: usize,
    values: &[u8],
    side: usize,
    classes: usize,
    device: &Device,
) -> Result<Tensor, PspTrainError> {
    let resized = nearest(values, width, values.len() / width.max(1), side);
    one_hot(&resized, (1, side, side), classes, device).map_err(|error| match error {
        PspError::Mask { problem } => {
            PspError::Mask { problem: format!("{}: {problem}", name.display()) }.into()
        }
        other => other.into(),
    })
}

fn read(source: &dyn Source, index: usize, side: usize) -> Result<Vec<u8>, String> {
    let map = source.read(index)?.decode(None)?;
    if map.channels != 1 {
        return Err(format!("a map is a grey image, this one has {} channels", map.channels));
    }
    Ok(nearest(&map.data, map.width, map.height, side))
}

/// The middle square, resized by taking the nearest value.
fn nearest(values: &[u8], width: usize, height: usize, side: usize) -> Vec<u8> {
    let square = width.min(height);
    let (left, top) = ((width - square) / 2, (height - square) / 2);
    let place = |at: usize| (2 * at + 1) * square / (2 * side);
    let row = |y: usize| (0..side).map(move |x| values[(top + place(y)) * width + left + place(x)]);
    (0..side).flat_map(row).collect()
}

fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_keep_their_classes_at_any_size() {
        // Two rows of four: the middle two columns.
        let values = [9, 1, 2, 9, 9, 3, 4, 9];
        assert_eq!(nearest(&values, 4, 2, 2), [1, 2, 3, 4]);
        assert_eq!(nearest(&values, 4, 2, 4)[..8], [1, 1, 2, 2, 1, 1, 2, 2]);
        assert_eq!(nearest(&values, 4, 2, 1), [4]);
    }

    fn write(folder: &Path, name: &str, value: u8) {
        image::GrayImage::from_pixel(6, 6, image::Luma([value])).save(folder.join(name)).unwrap();
    }

    #[test]
    fn maps_belong_to_images_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let (maps, images) = (folder.path().join("maps"), folder.path().join("images"));
        for path in [&maps, &images] {
            std::fs::create_dir(path).unwrap();
            write(path, "a.png", 1);
            write(path, "b.png", 2);
        }
        let open = |classes| {
            ClassMaps::open(&maps.to_string_lossy(), &images.to_string_lossy(), 4, classes)
        };
        let found = open(3).unwrap();
        assert_eq!(found.len(), 2);
        let x = found.get(&[1], &[true], &Device::Cpu).unwrap();
        assert_eq!(x.dims(), [1, 3, 4, 4]);
        assert_eq!(x.sum_all().unwrap().to_scalar::<f32>().unwrap(), 16.0);
        let error = open(2).unwrap_err().to_string();
        assert!(error.contains("not one-hot") && error.contains("b.png"), "{error}");
        write(&maps, "c.png", 0);
        assert!(open(3).unwrap_err().to_string().contains("3 maps, 2 images"));
    }
}
