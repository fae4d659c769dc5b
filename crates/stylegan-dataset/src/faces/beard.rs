//! Beards and moustaches.

use super::attributes::{Attribute, Attributes};
use super::canvas::{Canvas, path};
use super::head::Head;
use super::palette::Rgb;
use crate::random::Draw;

/// What grows on the lower half of a face.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Beard {
    beard: bool,
    moustache: bool,
    color: Rgb,
    /// How far the beard stands out from the chin.
    length: f32,
    /// How far the tips of the moustache turn down (positive) or up.
    droop: f32,
}

impl Beard {
    pub(super) fn sample(draw: &mut Draw, attributes: Attributes, hair: Rgb, skin: Rgb) -> Self {
        let tones = [draw.range(0.05, 0.2), 0.0, 0.45].map(|t| hair.darker(t));
        // The first tone that stands out from the skin: blond needs a deeper one.
        let seen = tones.into_iter().find(|tone| tone.distance(skin) >= 120.0);
        Self {
            beard: attributes.has(Attribute::Beard),
            moustache: attributes.has(Attribute::Moustache),
            color: seen.unwrap_or(tones[2]),
            length: draw.range(1.5, 6.0),
            droop: draw.range(-1.5, 3.5),
        }
    }

    pub(super) fn attributes(&self, set: Attributes) -> Attributes {
        set.with(Attribute::Beard, self.beard).with(Attribute::Moustache, self.moustache)
    }

    pub(super) fn paint_beard(&self, canvas: &mut Canvas, head: &Head) {
        if !self.beard {
            return;
        }
        // The grown outline, cut by a window that leaves the mouth and the cheeks free.
        let window = path(|p| {
            let (x, y, rx) = (head.face_x(), head.y, head.rx);
            let side = head.x - x;
            p.move_to(-60.0, y + 2.0);
            p.line_to(x + side - rx + 4.0, y + 2.0);
            p.cubic_to(x + side - rx + 5.0, y + 17.0, x - 17.0, y + 17.0, x - 15.0, y + 19.0);
            p.cubic_to(x - 13.0, y + 29.0, x + 13.0, y + 29.0, x + 15.0, y + 19.0);
            p.cubic_to(
                x + 17.0,
                y + 17.0,
                x + side + rx - 5.0,
                y + 17.0,
                x + side + rx - 4.0,
                y + 2.0,
            );
            p.line_to(160.0, y + 2.0);
            p.line_to(160.0, 160.0);
            p.line_to(-60.0, 160.0);
            p.close();
        });
        canvas.clip(window.as_ref());
        canvas.fill(head.outline(1.0, (0.0, self.length)).as_ref(), self.color);
        canvas.unclip();
    }

    pub(super) fn paint_moustache(&self, canvas: &mut Canvas, head: &Head) {
        if !self.moustache {
            return;
        }
        let (x, y) = (head.face_x(), head.y + 13.2);
        for side in [-1.0, 1.0] {
            let half = path(|p| {
                p.move_to(x - side * 0.8, y - 1.8);
                p.cubic_to(
                    x + side * 5.0,
                    y - 5.0,
                    x + side * 10.0,
                    y - 1.5,
                    x + side * 15.0,
                    y + self.droop,
                );
                p.cubic_to(
                    x + side * 11.0,
                    y + 6.0 + self.droop * 0.4,
                    x + side * 3.0,
                    y + 5.0,
                    x - side * 0.8,
                    y + 2.8,
                );
                p.close();
            });
            canvas.fill(half.as_ref(), self.color);
        }
    }
}
