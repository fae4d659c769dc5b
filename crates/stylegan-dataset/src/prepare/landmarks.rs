//! Where faces are: 68 points an image, and the square that FFHQ's alignment cuts out.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::error::DatasetError;
use crate::source::bytes::whole_unpacked;

/// The most bytes of a file of landmarks: FFHQ's own has 255 MB.
const MAX_BYTES: u64 = 1 << 30;

/// Points of a face, in the order of iBUG's annotation.
const POINTS: usize = 68;

const HINT: &str =
    "expected FFHQ's metadata (ffhq-dataset-v2.json), or {\"name.jpg\": [[x, y], 68 times], ...}";

type Points = Vec<[f64; 2]>;

/// The landmarks of a collection's images, by file name.
#[derive(Debug, Clone, PartialEq)]
pub struct Landmarks {
    by_name: HashMap<String, Points>,
    fingerprint: String,
}

/// What a file holds for one image.
#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Points(Points),
    Ffhq { in_the_wild: InTheWild },
}

#[derive(Deserialize)]
struct InTheWild {
    file_path: String,
    face_landmarks: Points,
}

impl Landmarks {
    /// Reads FFHQ's metadata, or an object of 68 points by file name.
    ///
    /// # Errors
    /// If the file does not read or is neither.
    pub fn open(path: &Path) -> Result<Self, DatasetError> {
        let text = whole_unpacked(path, MAX_BYTES)?;
        Self::parse(&text).map_err(|reason| DatasetError::format(path, reason, HINT))
    }

    /// Reads the text of such a file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let entries: HashMap<String, Entry> =
            serde_json::from_slice(text).map_err(|error| error.to_string())?;
        let mut by_name = HashMap::with_capacity(entries.len());
        for (key, entry) in entries {
            let (name, points) = match entry {
                Entry::Points(points) => (key, points),
                Entry::Ffhq { in_the_wild } => (in_the_wild.file_path, in_the_wild.face_landmarks),
            };
            if points.len() != POINTS {
                return Err(format!("{name} has {} points, expected {POINTS}", points.len()));
            }
            if !points.iter().flatten().all(|value| value.abs() < 1e6) {
                return Err(format!("{name} has points that are in no image"));
            }
            by_name.insert(name, points);
        }
        let fingerprint = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { by_name, fingerprint })
    }

    pub(super) fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    /// The square to cut out of an image: found by its whole name, by a name that ends in it, or by
    /// the file's name alone.
    ///
    /// # Errors
    /// If there are no landmarks for it.
    pub fn quad(&self, name: &str) -> Result<Quad, String> {
        let file = name.rsplit('/').next().unwrap_or(name);
        let within = format!("in-the-wild-images/{name}");
        let points = [name, &within, file].into_iter().find_map(|name| self.by_name.get(name));
        // FFHQ's folders are part of its paths; a copy may have lost the first.
        let ending = || {
            let ending = format!("/{file}");
            self.by_name.iter().find(|(name, _)| name.ends_with(&ending)).map(|(_, points)| points)
        };
        let points = points.or_else(ending);
        Ok(Quad::new(points.ok_or("it has no landmarks in the file of landmarks")?))
    }
}

/// A square in an image, turned as the face is: its corners in pixels (to the right, down),
/// counter-clockwise from the upper left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quad {
    /// Upper left, lower left, lower right, upper right.
    pub corners: [[f64; 2]; 4],
}

impl Quad {
    /// The square of FFHQ's alignment (Karras et al. 2018, appendix C) for 68 points: along the line
    /// between the eyes and across that to the mouth.
    pub fn new(points: &[[f64; 2]]) -> Self {
        let mean = |range: std::ops::Range<usize>| {
            let count = range.len() as f64;
            let sum = points[range].iter().fold([0.0, 0.0], |[x, y], p| [x + p[0], y + p[1]]);
            [sum[0] / count, sum[1] / count]
        };
        Self::from_features(mean(36..42), mean(42..48), points[48], points[54])
    }

    /// The same from the centres of the eyes and the corners of the mouth.
    pub fn from_features(
        eye0: [f64; 2],
        eye1: [f64; 2],
        mouth0: [f64; 2],
        mouth1: [f64; 2],
    ) -> Self {
        let add = |a: [f64; 2], b: [f64; 2], k: f64| [a[0] + k * b[0], a[1] + k * b[1]];
        let turned = |v: [f64; 2]| [-v[1], v[0]];
        let length = |v: [f64; 2]| (v[0] * v[0] + v[1] * v[1]).sqrt();
        let eye = add(add([0.0; 2], eye0, 0.5), eye1, 0.5);
        let mouth = add(add([0.0; 2], mouth0, 0.5), mouth1, 0.5);
        let (across, down) = (add(eye1, eye0, -1.0), add(mouth, eye, -1.0));
        let x = add(across, turned(down), -1.0);
        let size = (2.0 * length(across)).max(1.8 * length(down)) / length(x);
        let x = [x[0] * size, x[1] * size];
        let y = turned(x);
        let center = add(eye, down, 0.1);
        let corner = |kx: f64, ky: f64| add(add(center, x, kx), y, ky);
        Self {
            corners: [corner(-1.0, -1.0), corner(-1.0, 1.0), corner(1.0, 1.0), corner(1.0, -1.0)],
        }
    }

    /// The length of a side.
    pub fn size(&self) -> f64 {
        let [a, _, _, d] = self.corners;
        ((d[0] - a[0]).powi(2) + (d[1] - a[1]).powi(2)).sqrt()
    }

    /// All corners as `f` makes them.
    pub(super) fn map(self, f: impl Fn([f64; 2]) -> [f64; 2]) -> Self {
        Self { corners: self.corners.map(f) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_square_is_that_of_the_reference() {
        let quad =
            Quad::from_features([412.3, 501.7], [598.1, 489.2], [440.0, 702.5], [585.5, 695.0]);
        let expected = [
            [114.8424, 162.9996],
            [153.1746, 906.8926],
            [897.0676, 868.5604],
            [858.7354, 124.6674],
        ];
        for (found, wanted) in quad.corners.iter().flatten().zip(expected.iter().flatten()) {
            assert!((found - wanted).abs() < 1e-4, "{quad:?}");
        }
        assert!((quad.size() - 744.88).abs() < 1e-4);
    }

    #[test]
    fn both_kinds_of_files_are_read() {
        let points: Vec<[f64; 2]> =
            (0..68).map(|i| [100.0 + i as f64, 80.0 + 2.0 * i as f64]).collect();
        let plain = serde_json::json!({ "a.jpg": points });
        let ffhq = serde_json::json!({ "0": { "category": "training", "in_the_wild": {
            "file_path": "in-the-wild-images/00000/a.jpg", "face_landmarks": points } } });
        for json in [plain, ffhq] {
            let landmarks = Landmarks::parse(json.to_string().as_bytes()).unwrap();
            assert_eq!(landmarks.quad("a.jpg").unwrap(), Quad::new(&points));
            assert!(landmarks.quad("b.jpg").unwrap_err().contains("no landmarks"));
        }
        let short = serde_json::json!({ "a.jpg": points[..5] });
        assert!(Landmarks::parse(short.to_string().as_bytes()).unwrap_err().contains("5 points"));
    }
}
