//! Hair: what falls behind the head and what lies on it.

mod back;
mod front;

use super::attributes::{Attribute, Attributes};
use super::palette::{BLOND, HAIR, Rgb};
use crate::random::Draw;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Style {
    Bald,
    // Short and smooth.
    Buzz,
    SidePart,
    Quiff,
    Spiky,
    Bowl,
    Mohawk,
    Bun,
    Bob,
    // Short and curly.
    Curls,
    Afro,
    // Long and smooth.
    Curtain,
    Fringe,
    Pigtails,
    // Long and curly.
    Waves,
}

/// One hair style in one colour.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Hair {
    style: Style,
    pub(super) color: Rgb,
    blond: bool,
    /// The side of the parting.
    side: f32,
    /// Fullness, around 1.
    volume: f32,
}

impl Hair {
    pub(super) fn sample(draw: &mut Draw, attributes: Attributes, lashes: bool, skin: Rgb) -> Self {
        use Attribute as A;
        let likely = |with: f32, without: f32| if lashes { with } else { without };
        let short = [
            (Style::Buzz, likely(0.1, 0.8)),
            (Style::SidePart, likely(0.3, 1.3)),
            (Style::Quiff, likely(0.3, 1.3)),
            (Style::Spiky, likely(0.3, 1.2)),
            (Style::Bowl, likely(0.6, 0.8)),
            (Style::Mohawk, 0.4),
            (Style::Bun, likely(1.4, 0.2)),
            (Style::Bob, likely(2.2, 0.2)),
        ];
        let curly = [(Style::Curls, 1.0), (Style::Afro, 1.0)];
        let long =
            [(Style::Curtain, 1.2), (Style::Fringe, 1.0), (Style::Pigtails, likely(1.0, 0.3))];
        let style = match (attributes.has(A::LongHair), attributes.has(A::CurlyHair)) {
            _ if attributes.has(A::Bald) => Style::Bald,
            (false, false) => draw.weighted(&short, Style::SidePart),
            (false, true) => draw.weighted(&curly, Style::Curls),
            (true, false) => draw.weighted(&long, Style::Curtain),
            (true, true) => Style::Waves,
        };
        let blond = attributes.has(A::BlondHair);
        // Hair has to stand out from the skin it frames.
        let fits = HAIR.map(|(c, weight)| (c, if c.distance(skin) < 110.0 { 0.0 } else { weight }));
        let color =
            if blond { draw.weighted(&BLOND, BLOND[0].0) } else { draw.weighted(&fits, HAIR[0].0) };
        Self {
            style,
            color: color.varied(draw, 0.04),
            blond,
            side: if draw.chance(0.5) { 1.0 } else { -1.0 },
            volume: draw.range(0.85, 1.15),
        }
    }

    pub(super) fn attributes(&self, set: Attributes) -> Attributes {
        use Attribute as A;
        let long =
            matches!(self.style, Style::Curtain | Style::Fringe | Style::Pigtails | Style::Waves);
        let curly = matches!(self.style, Style::Curls | Style::Afro | Style::Waves);
        set.with(A::LongHair, long)
            .with(A::CurlyHair, curly)
            .with(A::BlondHair, self.blond)
            .with(A::Bald, self.style == Style::Bald)
    }

    /// The colour of the brows: darker than the hair, and never lost on the skin.
    pub(super) fn brow_color(&self, skin: Rgb) -> Rgb {
        let brow = self.color.darker(if self.blond { 0.45 } else { 0.3 });
        if brow.distance(skin) > 120.0 { brow } else { Rgb::INK }
    }
}
