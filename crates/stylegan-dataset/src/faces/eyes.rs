//! Eyes and brows.

use super::attributes::{Attribute, Attributes};
use super::canvas::{Canvas, oval, path};
use super::head::Head;
use super::palette::{IRIS, Rgb};
use crate::random::Draw;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Look {
    /// White, iris, pupil and a highlight.
    Round,
    /// The same under a heavy lid.
    Sleepy,
    /// A black oval with a highlight.
    Dot,
    /// Closed with joy: an arc.
    Happy,
}

/// A pair of eyes with its brows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Eyes {
    look: Look,
    iris: Rgb,
    /// Half the distance between the eyes, and their size relative to the usual.
    pub(super) apart: f32,
    size: f32,
    gaze: (f32, f32),
    lashes: bool,
    brow: Rgb,
    thick: bool,
    /// Slope of the brows (positive: worried, negative: stern) and how far they arch.
    slope: f32,
    arch: f32,
}

impl Eyes {
    pub(super) fn sample(draw: &mut Draw, attributes: Attributes, lashes: bool, brow: Rgb) -> Self {
        let looks = [(Look::Round, 6.0), (Look::Sleepy, 1.2), (Look::Dot, 1.8), (Look::Happy, 0.7)];
        Self {
            look: draw.weighted(&looks, Look::Round),
            iris: draw.weighted(&IRIS, Rgb::INK),
            apart: draw.range(13.1, 13.7),
            size: draw.range(1.0, 1.1),
            gaze: (draw.range(-0.9, 0.9), draw.range(-0.4, 0.4)),
            lashes,
            brow,
            thick: attributes.has(Attribute::ThickBrows),
            slope: draw.range(-2.2, 2.2),
            arch: draw.range(0.8, 4.0),
        }
    }

    pub(super) fn attributes(&self, set: Attributes) -> Attributes {
        set.with(Attribute::ThickBrows, self.thick)
    }

    /// The height at which the eyes sit.
    pub(super) fn line(head: &Head) -> f32 {
        head.y - 1.0
    }

    pub(super) fn paint(&self, canvas: &mut Canvas, head: &Head) {
        for side in [-1.0, 1.0] {
            let at = (head.face_x() + side * self.apart, Self::line(head));
            self.eye(canvas, head, at, side);
        }
    }

    pub(super) fn paint_brows(&self, canvas: &mut Canvas, head: &Head) {
        for side in [-1.0, 1.0] {
            let at = (head.face_x() + side * self.apart, Self::line(head));
            self.eyebrow(canvas, at, side);
        }
    }

    fn eye(&self, canvas: &mut Canvas, head: &Head, (x, y): (f32, f32), side: f32) {
        let (rx, ry) = (7.8 * self.size, 8.8 * self.size);
        let arc = |lift: f32| {
            path(|p| {
                p.move_to(x - rx + 0.5, y + 2.0);
                p.quad_to(x, y + 2.0 - lift, x + rx - 0.5, y + 2.0);
            })
        };
        match self.look {
            Look::Round | Look::Sleepy => {
                let white = oval((x, y), (rx, ry));
                canvas.fill(white.as_ref(), Rgb::WHITE);
                canvas.clip(white.as_ref());
                let (gx, gy) = (x + self.gaze.0, y + self.gaze.1 + 0.6);
                canvas.ellipse((gx, gy), (5.6 * self.size, 5.9 * self.size), self.iris);
                canvas.ellipse((gx, gy), (3.8 * self.size, 4.1 * self.size), Rgb::INK);
                canvas.ellipse((gx - 1.9, gy - 2.2), (1.4, 1.4), Rgb::WHITE);
                if self.look == Look::Sleepy {
                    let lid = oval((x, y - ry * 1.15), (rx * 1.5, ry * 0.95));
                    canvas.fill(lid.as_ref(), head.skin.darker(0.22));
                }
                canvas.unclip();
            }
            Look::Dot => {
                canvas.ellipse((x, y + 0.5), (5.0 * self.size, 6.4 * self.size), Rgb::INK);
                canvas.ellipse((x - 1.6, y - 2.0), (1.5, 1.7), Rgb::WHITE);
            }
            Look::Happy => canvas.stroke(arc(13.0).as_ref(), Rgb::INK, 3.4),
        }
        if self.lashes {
            let lid = path(|p| {
                p.move_to(x - side * (rx - 1.0), y - ry * 0.55);
                p.quad_to(x, y - ry * 1.35, x + side * rx, y - ry * 0.45);
                p.line_to(x + side * (rx + 3.0), y - ry * 0.75);
            });
            if self.look != Look::Happy {
                canvas.stroke(lid.as_ref(), Rgb::INK, 2.3);
            }
        }
    }

    fn eyebrow(&self, canvas: &mut Canvas, (x, y): (f32, f32), side: f32) {
        let (width, half) = if self.thick { (5.2, 7.8) } else { (2.0, 6.8) };
        let y = y - 14.8;
        let brow = path(|p| {
            p.move_to(x - side * half, y - self.slope);
            p.quad_to(x + side, y - self.arch, x + side * half, y + self.slope + 0.6);
        });
        canvas.stroke(brow.as_ref(), self.brow, width);
    }
}
