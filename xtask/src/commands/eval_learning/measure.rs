//! Drawing, looking and comparing: what is kept is not computed again.

use std::path::{Path, PathBuf};

use stylegan_features::FaceAttributes;
use stylegan_metrics::learning::{FaceExtractor, LearningScore, Reference, farthest};
use stylegan_metrics::{Extraction, Extractor, Features, ImageSource, MetricError, extract};
use stylegan_trainer::evaluation::Drawn;

use super::Args;
use super::kept::{Kept, Key, Record, Share};
use super::target::{Drawer, Target, snapshots};
use crate::device;
use crate::evaluating::{Watcher, cache_folder, failure};
use crate::failure::{Failure, OrFail};
use crate::images::{self, Pictures};
use crate::model;
use crate::printer::Printer;

/// Images that are drawn of a snapshot unless their number is given, and pictures of a collection at most.
const SAMPLES: usize = 2000;
const PICTURES: usize = 10_000;

/// Layers that are truncated: those below this one, as `generate` has it.
const CUTOFF: usize = 8;

/// Whoever takes a result as soon as it is there.
type Publish<'a> = dyn FnMut(&Record) -> Result<(), Failure> + 'a;

/// What all measurements share. The real images are looked at when the first of them is measured.
pub struct Measuring<'a> {
    args: &'a Args,
    printer: Printer,
    watcher: Watcher,
    cache: PathBuf,
    extractor: FaceExtractor,
    real: Pictures,
    features: Option<Features>,
    reference: Option<(usize, Reference)>,
}

impl<'a> Measuring<'a> {
    /// Opens the real images and the network.
    ///
    /// # Errors
    ///
    /// When the images are no bundled faces.
    pub fn new(args: &'a Args, printer: Printer) -> Result<Self, Failure> {
        let rest = args.data.strip_prefix("faces");
        if !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '@'])) {
            let said = format!("`{}` cannot be compared with here", args.data);
            return Err(Failure::user(format!("{said}: the network knows the bundled faces only"))
                .hint(
                    "leave --data away or name faces:COUNT; `cargo xtask eval` takes any images",
                ));
        }
        let side = FaceAttributes::SIDE;
        let real = images::pictures(&args.data, Some((side, side)), None, printer)?;
        let weights = FaceAttributes::bundled()
            .and_then(|weights| weights.to_device(device::chosen()))
            .map_err(Failure::program)?;
        let extractor = FaceExtractor::new(&weights).map_err(Failure::program)?;
        let (cache, watcher) = (cache_folder(args.cache.as_deref())?, Watcher::new(printer)?);
        let (features, reference) = (None, None);
        Ok(Self { args, printer, watcher, cache, extractor, real, features, reference })
    }

    /// Measures a target, and hands out results as they come.
    ///
    /// # Errors
    ///
    /// When images cannot be had or looked at; what was handed out before is kept.
    pub fn measure(&mut self, target: &Target, publish: &mut Publish<'_>) -> Result<(), Failure> {
        match target {
            Target::Run(run) => self.run(run, publish),
            Target::Pictures(path) => publish(&self.pictures(path)?),
        }
    }

    fn run(&mut self, run: &Path, publish: &mut Publish<'_>) -> Result<(), Failure> {
        let mut kept = Kept::open(run);
        for drawer in snapshots(run, self.printer)? {
            let checksum = stylegan_features::sha256(&drawer.file).or_user()?;
            for &psi in &self.args.psi {
                let key = Key {
                    snapshot: Some(drawer.snapshot),
                    psi: Some(psi),
                    generator: Some(checksum.clone()),
                    ..self.key(self.args.samples.map_or(SAMPLES, |samples| samples as usize))
                };
                let (known, of) = (kept.get(&key).cloned(), run.to_owned());
                let is_new = known.is_none();
                let record = match known {
                    Some(record) => record,
                    None => self.draw(run, &drawer, key, psi)?,
                };
                // Runs are moved, and resumed ones write their statistics anew.
                let (kimg, seconds) = (Some(drawer.kimg), drawer.seconds);
                let record = Record { of, kimg, seconds, ..record };
                if is_new {
                    kept.put(&record)?;
                }
                publish(&record)?;
            }
        }
        Ok(())
    }

    fn draw(&mut self, run: &Path, drawer: &Drawer, key: Key, psi: f64) -> Result<Record, Failure> {
        let generator = model::open_generator(&drawer.file, device::chosen())?;
        let lod = model::level_of_detail(&drawer.file)?;
        let checksum = key.generator.as_deref().unwrap_or_default();
        let mut drawn = Drawn::new(generator, checksum, psi, CUTOFF, lod);
        let samples = key.samples;
        self.printer.note(&format!("snapshot {:06}, psi {psi}: {samples} images", drawer.snapshot));
        let features = self.look(&mut drawn, samples, false)?;
        self.compare(run, key, &features)
    }

    fn pictures(&mut self, path: &Path) -> Result<Record, Failure> {
        // A folder named `faces` is no bundled face.
        let path_as_spec = Path::new(".").join(path);
        let mut pictures =
            images::pictures(&path_as_spec.to_string_lossy(), None, None, self.printer)?;
        let most = self.args.samples.map_or(PICTURES, |samples| samples as usize);
        let features = self.look(&mut pictures, most, true)?;
        self.compare(path, self.key(features.count()), &features)
    }

    fn key(&self, samples: usize) -> Key {
        let (data, network) = (self.real.identity(), self.extractor.id().checksum);
        Key { snapshot: None, psi: None, samples, generator: None, data, network }
    }

    /// The features of a source's first images.
    fn look(
        &self,
        source: &mut dyn ImageSource,
        count: usize,
        keep: bool,
    ) -> Result<Features, Failure> {
        let batch = self.args.batch.into();
        let how = Extraction { count, batch, quantise: true, mirror: false };
        let cache = keep.then_some(self.cache.as_path());
        extract(source, &self.extractor, how, cache, &self.watcher).map_err(explained)
    }

    fn compare(&mut self, of: &Path, key: Key, features: &Features) -> Result<Record, Failure> {
        let network = self.extractor.network().clone();
        let reference = match self.reference.take() {
            Some((samples, reference)) if samples == key.samples => reference,
            _ => Reference::new(self.real()?, key.samples, &network).map_err(explained)?,
        };
        let score = reference.score(features, &network, &self.watcher).map_err(explained)?;
        let record = record(of, key, &score, &reference)?;
        self.reference = Some((record.key.samples, reference));
        Ok(record)
    }

    /// The features of the real images.
    fn real(&mut self) -> Result<&Features, Failure> {
        if self.features.is_none() {
            self.printer.note("real images");
            let how = Extraction {
                count: usize::MAX,
                batch: self.args.batch.into(),
                quantise: true,
                mirror: false,
            };
            let cache = Some(self.cache.as_path());
            let features = extract(&mut self.real, &self.extractor, how, cache, &self.watcher);
            self.features = Some(features.map_err(explained)?);
        }
        self.features.as_ref().ok_or_else(|| Failure::program("features vanished"))
    }
}

fn record(
    of: &Path,
    key: Key,
    score: &LearningScore,
    reference: &Reference,
) -> Result<Record, Failure> {
    let shares = score.shares.iter().zip(reference.shares());
    let attributes: Vec<Share> = FaceAttributes::LABELS
        .iter()
        .zip(shares)
        .map(|(name, (&generated, &real))| Share { name: (*name).to_owned(), generated, real })
        .collect();
    let farthest = farthest(&score.shares, reference.shares())
        .and_then(|index| attributes.get(index).cloned())
        .ok_or_else(|| Failure::program("no attributes"))?;
    Ok(Record {
        of: of.to_owned(),
        kimg: None,
        seconds: None,
        fd: score.distance,
        precision: score.precision,
        recall: score.recall,
        farthest,
        attributes,
        floor: reference.floor().into(),
        key,
    })
}

/// What to do about a measurement that failed.
fn explained(error: MetricError) -> Failure {
    match error {
        MetricError::Features(error) => Failure::user_error(error).hint(
            "the network looks at faces of 32x32, and at larger ones of 64x64, 128x128 and so on",
        ),
        MetricError::TooFew { .. } => {
            Failure::user_error(error).hint("take more images: --samples, --data faces:COUNT")
        }
        error => failure(error),
    }
}

#[cfg(test)]
mod tests {
    use stylegan_dataset::Attribute;

    use super::*;

    #[test]
    fn the_networks_attributes_are_those_of_the_faces() {
        assert_eq!(FaceAttributes::LABELS, Attribute::NAMES);
    }
}
