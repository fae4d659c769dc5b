//! `cargo xtask data show`: a contact sheet.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde::Serialize;
use stylegan_dataset::loader::Order;
use stylegan_dataset::{Collection, CollectionOptions, Crop, Dataset, Labels, Pixels, Raw, Source};

use crate::collection::{Bar, failure, open};
use crate::failure::Failure;
use crate::output::{FOLDER, free_path};
use crate::picture::Picture;
use crate::printer::Printer;

/// What was typed.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The collection
    #[arg(value_name = "SRC")]
    pub source: String,
    /// How many images
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub count: usize,
    /// Height and width of each on the sheet; all of an image is shown
    #[arg(long, value_name = "PIXELS", default_value_t = 64)]
    pub size: usize,
    /// Images a row
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = columns)]
    pub columns: usize,
    /// Choose the images by a seed; the first ones unless given
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Sort by class, a row (or more) a class, taking the sub-folders of a folder for classes
    #[arg(long)]
    pub classes: bool,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Serialize)]
struct Shown {
    sheet: PathBuf,
    images: Vec<String>,
}

/// Draws and writes it.
///
/// # Errors
///
/// When the collection does not open, or the sheet cannot be written.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    let source = open(&args.source, args.classes)?;
    let chosen = choose(args, source.as_ref());
    let names: Vec<String> = chosen.iter().flatten().map(|&index| source.name(index)).collect();
    // Only the images on the sheet are read.
    let some = Chosen { source, chosen: chosen.iter().flatten().copied().collect() };
    let options = CollectionOptions {
        resolution: (args.size, args.size),
        channels: 3,
        crop: Crop::Pad,
        skip_bad: true,
        ..CollectionOptions::default()
    };
    let bar = Bar::new(printer, "images read");
    let sheet = Collection::new(Box::new(some), options, &|at| bar.report(at)).map_err(failure)?;
    drop(bar);
    for (name, reason) in &sheet.report().bad {
        printer.note(&format!("warning: {name}: {reason}"));
    }
    let shown: Vec<String> = (0..sheet.len()).filter_map(|index| sheet.name(index)).collect();
    let mut next = 0;
    let mut pictures = Vec::with_capacity(chosen.len());
    let mut wanted = names.iter();
    for place in &chosen {
        let name = place.and_then(|_| wanted.next());
        if name.is_none() || shown.get(next) != name {
            pictures.push(None);
            continue;
        }
        let pixels = Pixels::from_planes(&sheet.get(next).map_err(failure)?.image);
        let Pixels { width, height, channels, data } = pixels;
        pictures.push(Some(Picture { width, height, channels, data }));
        next += 1;
    }
    let wanted = args.out.clone().unwrap_or_else(|| Path::new(FOLDER).join("sheet.png"));
    let path = free_path(&wanted, args.out.is_some())?;
    Picture::grid(&pictures, args.columns).save(&path)?;
    printer.data(&path.display().to_string(), &Shown { sheet: path.clone(), images: names })
}

/// The images on the sheet, `None` for a place that stays white.
fn choose(args: &Args, source: &dyn Source) -> Vec<Option<usize>> {
    let total = source.len();
    let order = args.seed.map(|seed| Order::new(seed, total));
    let all = (0..total).map(|at| order.map_or(at, |order| order.index(at as u64)));
    let labels = source.labels();
    if !args.classes || !labels.are_classes() {
        return all.take(args.count).map(Some).collect();
    }
    // As many of each class as fit, each class beginning a row.
    let classes = labels.dim().max(1);
    let rows = (args.count / classes).div_ceil(args.columns).max(1);
    let each = rows * args.columns;
    let mut places = vec![Vec::new(); classes];
    for index in all {
        if let Some(place) = labels.class(index).and_then(|class| places.get_mut(class))
            && place.len() < each
        {
            place.push(Some(index));
        }
    }
    places
        .iter_mut()
        .for_each(|place| place.resize(place.len().div_ceil(args.columns) * args.columns, None));
    places.concat()
}

/// Some images of a collection.
#[derive(Debug)]
struct Chosen {
    source: Box<dyn Source>,
    chosen: Vec<usize>,
}

impl Source for Chosen {
    fn describe(&self) -> String {
        self.source.describe()
    }

    fn len(&self) -> usize {
        self.chosen.len()
    }

    fn name(&self, index: usize) -> String {
        self.source.name(self.chosen[index])
    }

    fn read(&self, index: usize) -> Result<Raw, String> {
        self.source.read(self.chosen[index])
    }

    fn labels(&self) -> &Labels {
        static NONE: LazyLock<Labels> = LazyLock::new(Labels::none);
        &NONE
    }
}

fn columns(typed: &str) -> Result<usize, String> {
    typed
        .parse()
        .ok()
        .filter(|&n| n > 0)
        .ok_or_else(|| "a whole number above 0 is needed".to_owned())
}
