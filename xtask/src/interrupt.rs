//! Ctrl-C: the first asks long work to end in order, the second ends it at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::Failure;
use crate::printer::Printer;

/// The exit code of a process that a second Ctrl-C ends at once, as shells have it.
const INTERRUPTED: i32 = 130;

/// A flag that the first Ctrl-C sets, saying `what` happens then. To be called once in a process.
///
/// # Errors
///
/// When the system does not let signals be caught.
pub fn on_ctrl_c(printer: Printer, what: &'static str) -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED);
        }
        printer.note(what);
    })
    .map_err(Failure::program)?;
    Ok(stop)
}
