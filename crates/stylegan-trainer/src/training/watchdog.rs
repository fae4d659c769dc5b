//! The warning about a run that collapses.

use crate::events::Progress;

/// Below this diversity, generated images share what real ones differ in.
const ALIKE: f64 = 0.3;

/// The share of a run that may pass before its images have to differ: all runs begin with one blob in many colours.
const BEGINNING: f64 = 0.2;

/// Ticks in a row before a warning.
const PATIENCE: usize = 2;

/// Looks at the means of each tick, and warns once of a collapse, again only after it was over in between.
#[derive(Debug, Default)]
pub(super) struct Watchdog {
    /// Bad ticks in a row.
    alike: usize,
}

impl Watchdog {
    /// A warning, if the means of a tick ask for one.
    pub(super) fn look(&mut self, mean: &Progress) -> Option<String> {
        let late = mean.images as f64 > BEGINNING * mean.total as f64;
        self.alike = if late && mean.diversity < ALIKE { self.alike + 1 } else { 0 };
        (self.alike == PATIENCE).then(|| {
            format!(
                "generated images are much more alike than real ones (diversity {:.2}): the generator may have collapsed. \
                 docs/training.md says what to change",
                mean.diversity
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(images: u64, diversity: f64) -> Progress {
        Progress { images, total: 1000, diversity, ..Progress::default() }
    }

    #[test]
    fn a_collapse_is_told_once_and_again_after_it_was_over() {
        let mut dog = Watchdog::default();
        let ticks =
            [(100, 0.1), (300, 0.1), (400, 0.1), (500, 0.1), (600, 0.8), (700, 0.1), (800, 0.2)];
        let warned: Vec<u64> = ticks
            .into_iter()
            .filter(|&(images, diversity)| dog.look(&at(images, diversity)).is_some())
            .map(|(images, _)| images)
            .collect();
        assert_eq!(warned, [400, 800]);
    }
}
