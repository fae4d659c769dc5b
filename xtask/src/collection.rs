//! Collections of pictures as commands take them: opened, watched, and their errors as failures.

use std::sync::Mutex;

use stylegan_dataset::{DatasetError, Source, SourceOptions, open_source};

use crate::failure::Failure;
use crate::printer::Printer;
use crate::progress::Progress;

/// Opens a collection.
///
/// # Errors
///
/// When it cannot be opened.
pub fn open(spec: &str, classes: bool) -> Result<Box<dyn Source>, Failure> {
    let options = SourceOptions { class_per_folder: classes, ..SourceOptions::default() };
    open_source(spec, &options).map_err(failure)
}

/// An error of a collection, with what to try.
pub fn failure(error: DatasetError) -> Failure {
    let hint = error.hint().unwrap_or("`cargo xtask data --help` says what collections are");
    Failure::user_error(error).hint(hint)
}

/// A bar that moves on with every report of a library.
pub struct Bar {
    printer: Printer,
    what: &'static str,
    bar: Mutex<Option<Progress>>,
}

impl Bar {
    /// A bar over so many of `what`, which the first report tells.
    pub fn new(printer: Printer, what: &'static str) -> Self {
        Self { printer, what, bar: Mutex::new(None) }
    }

    /// Takes a report.
    pub fn report(&self, at: stylegan_dataset::Progress) {
        // A poisoned bar is still a bar.
        let mut bar = self.bar.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let bar =
            bar.get_or_insert_with(|| Progress::new(self.printer, at.total as u64, self.what));
        bar.reach(at.done as u64);
    }
}
