//! Earrings.

use super::attributes::{Attribute, Attributes};
use super::canvas::{Canvas, oval};
use super::head::Head;
use super::palette::{Rgb, contrasting, hex};
use crate::random::Draw;

/// Gold twice: it is the most common.
const COLORS: [Rgb; 5] =
    [hex(0xFFD21F), hex(0xF5F7FF), hex(0x22D0E0), hex(0xF0334A), hex(0xFFD21F)];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Hoop,
    Pearl,
    Drop,
}

/// A pair of earrings, always in front of the hair.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Earrings {
    kind: Kind,
    color: Rgb,
}

impl Earrings {
    pub(super) fn sample(draw: &mut Draw, attributes: Attributes, others: &[Rgb]) -> Option<Self> {
        let kinds = [(Kind::Hoop, 1.0), (Kind::Pearl, 1.0), (Kind::Drop, 0.8)];
        let kind = draw.weighted(&kinds, Kind::Pearl);
        let color = contrasting(draw, &COLORS, others, 190.0);
        attributes.has(Attribute::Earrings).then_some(Self { kind, color })
    }

    pub(super) fn attributes(&self, set: Attributes) -> Attributes {
        set.with(Attribute::Earrings, true)
    }

    pub(super) fn paint(&self, canvas: &mut Canvas, head: &Head) {
        for side in [-1.0, 1.0] {
            let (x, y) = (head.x + side * (head.rx + 2.2), head.y + 11.5);
            match self.kind {
                Kind::Hoop => {
                    let hoop = oval((x, y + 3.0), (4.6, 5.4));
                    canvas.stroke(hoop.as_ref(), self.color.darker(0.35), 4.0);
                    canvas.stroke(hoop.as_ref(), self.color, 2.8);
                }
                Kind::Pearl => {
                    canvas.ellipse((x, y), (5.0, 5.0), self.color.darker(0.35));
                    canvas.ellipse((x, y), (4.2, 4.2), self.color);
                }
                Kind::Drop => {
                    canvas.ellipse((x, y + 3.5), (4.3, 7.2), self.color.darker(0.35));
                    canvas.ellipse((x, y + 3.5), (3.5, 6.4), self.color);
                }
            }
        }
    }
}
