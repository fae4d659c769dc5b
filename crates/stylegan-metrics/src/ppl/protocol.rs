//! Whose numbers a path length can be compared with.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The published protocols. They differ in the number of pairs, in the crop, and in the size at which images are compared; a path
/// length of one says nothing beside that of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// StyleGAN's: 100,000 pairs, always cropped to the middle of a face, then reduced to at most 256 pixels by the cropped height.
    #[default]
    Stylegan1,
    /// StyleGAN2's: 50,000 pairs, cropped where asked for (not in its `ppl2_wend`), reduced by the cropped height.
    Stylegan2,
    /// stylegan2-ada-pytorch's: as StyleGAN2's, but reduced by the height before the crop, so that a cropped image of 1024 pixels is
    /// compared at 128.
    Ada,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Stylegan1, Self::Stylegan2, Self::Ada];

    /// The name in results and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stylegan1 => "stylegan1",
            Self::Stylegan2 => "stylegan2",
            Self::Ada => "ada",
        }
    }

    /// Pairs of the published figures.
    pub fn pairs(self) -> usize {
        match self {
            Self::Stylegan1 => 100_000,
            Self::Stylegan2 | Self::Ada => 50_000,
        }
    }

    /// Whether images are cropped unless said otherwise.
    pub fn crop(self) -> bool {
        self == Self::Stylegan1
    }
}

/// The space in which a path runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Space {
    /// Spherical interpolation between normalised `z`, each point mapped.
    Z,
    /// Linear interpolation between `w`.
    W,
}

/// Where on the path between two latents distances are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// Anywhere, uniformly.
    Full,
    /// At its beginning, which is a latent as it was drawn.
    End,
}

/// A word that is none of a list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} {word:?}: expected {expected}")]
pub struct UnknownWord {
    what: &'static str,
    word: String,
    expected: &'static str,
}

impl FromStr for Protocol {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|protocol| protocol.name() == word).ok_or_else(|| UnknownWord {
            what: "protocol",
            word: word.to_owned(),
            expected: "stylegan1, stylegan2 or ada",
        })
    }
}

impl FromStr for Space {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        match word {
            "z" => Ok(Self::Z),
            "w" => Ok(Self::W),
            _ => Err(UnknownWord { what: "space", word: word.to_owned(), expected: "z or w" }),
        }
    }
}

impl FromStr for Sampling {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        match word {
            "full" => Ok(Self::Full),
            "end" => Ok(Self::End),
            _ => Err(UnknownWord {
                what: "sampling",
                word: word.to_owned(),
                expected: "full or end",
            }),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Z => "z",
            Self::W => "w",
        })
    }
}

impl fmt::Display for Sampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Full => "full",
            Self::End => "end",
        })
    }
}
