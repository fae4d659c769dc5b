//! The tasks, and what each weighs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::PspError;
use crate::losses::LossWeights;

/// What an encoder is trained to do (Richardson et al. 2021, sections 4 and 5, appendix B).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Real images into the latent space.
    Inversion,
    /// Faces turned to the front: input and target are mirrored independently, so that the pose cannot be known.
    Frontalisation,
    /// Drawings to faces.
    Sketch,
    /// Maps of classes to faces.
    Segmentation,
    /// Small images to large ones.
    SuperResolution,
    /// Images with holes to whole ones.
    Inpainting,
    /// Faces into the domain of another decoder.
    Toonify,
}

impl Task {
    /// All tasks.
    pub const ALL: [Self; 7] = [
        Self::Inversion,
        Self::Frontalisation,
        Self::Sketch,
        Self::Segmentation,
        Self::SuperResolution,
        Self::Inpainting,
        Self::Toonify,
    ];

    /// Its name on a command line and in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inversion => "inversion",
            Self::Frontalisation => "frontalisation",
            Self::Sketch => "sketch",
            Self::Segmentation => "segmentation",
            Self::SuperResolution => "super-resolution",
            Self::Inpainting => "inpainting",
            Self::Toonify => "toonify",
        }
    }

    /// The published weights of its losses. Inpainting has none of its own, and those of super-resolution.
    pub fn weights(self) -> LossWeights {
        let plain = LossWeights::default();
        match self {
            Self::Inversion => LossWeights { identity: 0.1, ..plain },
            Self::Frontalisation => LossWeights {
                lpips: 0.08,
                l2: 0.001,
                lpips_crop: 0.8,
                l2_crop: 0.01,
                identity: 1.0,
                w_norm: 0.005,
                ..plain
            },
            Self::Sketch | Self::Segmentation => LossWeights { w_norm: 0.005, ..plain },
            Self::SuperResolution | Self::Inpainting => {
                LossWeights { identity: 0.1, w_norm: 0.005, ..plain }
            }
            Self::Toonify => LossWeights { identity: 1.0, w_norm: 0.025, ..plain },
        }
    }

    /// Channels of the encoder's input, for images of `image` channels and, for segmentations, so many `classes`.
    pub fn input_channels(self, image: usize, classes: usize) -> usize {
        match self {
            Self::Sketch => 1,
            Self::Segmentation => classes,
            _ => image,
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Task {
    type Err = PspError;

    fn from_str(name: &str) -> Result<Self, PspError> {
        let found = Self::ALL.into_iter().find(|task| task.name() == name);
        found.ok_or_else(|| PspError::UnknownTask { name: name.to_owned(), nearest: nearest(name) })
    }
}

/// The task whose name shares the longest beginning, or most letters, with `name`.
fn nearest(name: &str) -> &'static str {
    let likeness = |task: &Task| {
        let other = task.name();
        let start = other.chars().zip(name.chars()).take_while(|(a, b)| a == b).count();
        let shared = name.chars().filter(|c| other.contains(*c)).count();
        (start, shared)
    };
    Task::ALL.into_iter().max_by_key(likeness).map_or("inversion", Task::name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_slips_are_answered() {
        for task in Task::ALL {
            assert_eq!(task.name().parse::<Task>().ok(), Some(task));
        }
        let error = "inversoin".parse::<Task>().unwrap_err().to_string();
        assert_eq!(error, "there is no task `inversoin`; the nearest is `inversion`");
        assert!("superres".parse::<Task>().unwrap_err().to_string().contains("super-resolution"));
    }

    #[test]
    fn the_published_weights() {
        let frontal = Task::Frontalisation.weights();
        assert_eq!((frontal.lpips_crop, frontal.l2_crop, frontal.identity), (0.8, 0.01, 1.0));
        assert_eq!(Task::Inversion.weights().w_norm, 0.0);
        assert_eq!(Task::Toonify.weights().w_norm, 0.025);
        assert_eq!(Task::Segmentation.input_channels(3, 19), 19);
    }
}
