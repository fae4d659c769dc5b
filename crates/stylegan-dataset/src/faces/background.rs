//! What is behind the head.

use super::canvas::Canvas;
use super::palette::{BACKGROUND, Rgb, contrasting};
use crate::random::Draw;

/// A flat colour, with or without a lighter disc.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Background {
    pub(super) color: Rgb,
    disc: Option<f32>,
}

impl Background {
    pub(super) fn sample(draw: &mut Draw, skin: Rgb, hair: Rgb) -> Self {
        let color = contrasting(draw, &BACKGROUND, &[skin, hair], 170.0).varied(draw, 0.06);
        let disc = draw.chance(0.35).then(|| draw.range(43.0, 49.0));
        Self { color, disc }
    }

    pub(super) fn paint(&self, canvas: &mut Canvas) {
        canvas.flood(self.color);
        if let Some(radius) = self.disc {
            canvas.ellipse((50.0, 52.0), (radius, radius), self.color.lighter(0.22));
        }
    }
}
