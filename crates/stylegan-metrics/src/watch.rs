//! Whoever watches a long measurement: hears how far it has come, and may stop it.

/// Progress of a measurement. Libraries report here and never print.
pub trait Watch {
    /// `done` of `total` of `what` ("images", "pairs") are done.
    fn reached(&self, what: &'static str, done: usize, total: usize);

    /// Whether to stop now; asked between batches.
    fn stop(&self) -> bool {
        false
    }

    /// Something that the person should know and that is no error.
    fn warn(&self, _message: &str) {}
}

/// Nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Watch for Silent {
    fn reached(&self, _what: &'static str, _done: usize, _total: usize) {}
}
