//! Nose and mouth.

use super::attributes::{Attribute, Attributes};
use super::canvas::{Canvas, oval, path};
use super::head::Head;
use super::palette::{Rgb, hex};
use crate::random::Draw;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Nose {
    Button,
    Triangle,
    Line,
}

/// The lower middle of a face.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mouth {
    nose: Nose,
    smiling: bool,
    open: bool,
    lipstick: Option<Rgb>,
    /// Half the width, and how far a smile bends or an open mouth opens, relative to the usual.
    half: f32,
    depth: f32,
    /// Bend of a closed mouth that does not smile: negative is a sulk.
    sulk: f32,
}

impl Mouth {
    pub(super) fn sample(draw: &mut Draw, attributes: Attributes, lashes: bool) -> Self {
        let noses = [(Nose::Button, 1.0), (Nose::Triangle, 1.0), (Nose::Line, 0.8)];
        let lipsticks = [(hex(0xD8233E), 1.0), (hex(0xE2558A), 0.8), (hex(0xA82A52), 0.6)];
        let painted = draw.chance(if lashes { 0.6 } else { 0.0 });
        let lips = draw.weighted(&lipsticks, Rgb::INK);
        Self {
            nose: draw.weighted(&noses, Nose::Button),
            smiling: attributes.has(Attribute::Smiling),
            open: attributes.has(Attribute::MouthOpen),
            lipstick: painted.then_some(lips),
            half: draw.range(10.5, 13.5),
            depth: draw.range(0.9, 1.15),
            sulk: draw.range(-4.5, 0.5),
        }
    }

    pub(super) fn attributes(&self, set: Attributes) -> Attributes {
        set.with(Attribute::Smiling, self.smiling).with(Attribute::MouthOpen, self.open)
    }

    pub(super) fn paint_nose(&self, canvas: &mut Canvas, head: &Head) {
        let (x, y) = (head.face_x() + head.yaw * 0.4, head.y + 8.5);
        let shade = head.skin.darker(0.34);
        match self.nose {
            Nose::Button => canvas.ellipse((x, y), (4.2, 3.2), shade),
            Nose::Triangle => {
                let nose = path(|p| {
                    p.move_to(x, y - 5.5);
                    p.quad_to(x + 5.5, y + 3.6, x + 3.6, y + 3.4);
                    p.quad_to(x, y + 4.4, x - 3.6, y + 3.4);
                    p.quad_to(x - 5.5, y + 3.6, x, y - 5.5);
                    p.close();
                });
                canvas.fill(nose.as_ref(), shade);
            }
            Nose::Line => {
                let nose = path(|p| {
                    p.move_to(x - 4.0, y + 0.5);
                    p.quad_to(x, y + 5.5, x + 4.0, y + 0.5);
                });
                canvas.stroke(nose.as_ref(), shade, 2.4);
            }
        }
    }

    pub(super) fn paint(&self, canvas: &mut Canvas, head: &Head) {
        let (x, y) = (head.face_x(), head.y + 20.0);
        match (self.smiling, self.open) {
            (true, true) => self.laugh(canvas, x, y - 1.5),
            (true, false) => self.line(canvas, head.skin, (x, y - 1.5), 11.5 * self.depth),
            (false, true) => self.gasp(canvas, x, y + 1.0),
            (false, false) => self.line(canvas, head.skin, (x, y + 1.5), self.sulk),
        }
    }

    /// A closed mouth: a thick line that bends down by `bend` in the middle.
    fn line(&self, canvas: &mut Canvas, skin: Rgb, (x, y): (f32, f32), bend: f32) {
        let half = if self.smiling { self.half } else { self.half * 0.78 };
        let mouth = path(|p| {
            p.move_to(x - half, y);
            p.quad_to(x, y + bend, x + half, y);
        });
        match self.lipstick {
            Some(lips) => canvas.stroke(mouth.as_ref(), lips, 4.4),
            // A dark line is lost on dark skin: there it runs between rosy lips.
            None if skin.luma() < 125.0 => {
                canvas.stroke(mouth.as_ref(), skin.mix(hex(0xF07A78), 0.6), 6.6);
                canvas.stroke(mouth.as_ref(), hex(0x2B0A10), 2.6);
            }
            None => canvas.stroke(mouth.as_ref(), hex(0x5E1A22), 3.2),
        }
    }

    fn laugh(&self, canvas: &mut Canvas, x: f32, y: f32) {
        let (half, depth) = (self.half, 15.5 * self.depth);
        let mouth = path(|p| {
            p.move_to(x - half, y);
            p.quad_to(x, y + 1.8, x + half, y);
            p.cubic_to(
                x + half,
                y + depth * 0.85,
                x + half * 0.5,
                y + depth * 0.95,
                x,
                y + depth * 0.95,
            );
            p.cubic_to(x - half * 0.5, y + depth * 0.95, x - half, y + depth * 0.85, x - half, y);
            p.close();
        });
        canvas.fill(mouth.as_ref(), hex(0x6B1420));
        canvas.clip(mouth.as_ref());
        canvas.ellipse((x, y + depth), (half * 0.62, depth * 0.36), hex(0xEE6A76));
        canvas.ellipse((x, y), (half * 0.98, 5.0), Rgb::WHITE);
        canvas.unclip();
        if let Some(lips) = self.lipstick {
            canvas.stroke(mouth.as_ref(), lips, 2.4);
        }
    }

    fn gasp(&self, canvas: &mut Canvas, x: f32, y: f32) {
        let (rx, ry) = (self.half * 0.48, 6.0 * self.depth);
        let mouth = oval((x, y), (rx, ry));
        canvas.fill(mouth.as_ref(), hex(0x6B1420));
        canvas.clip(mouth.as_ref());
        canvas.ellipse((x, y + ry * 0.9), (rx * 0.8, ry * 0.55), hex(0xEE6A76));
        canvas.unclip();
        if let Some(lips) = self.lipstick {
            canvas.stroke(mouth.as_ref(), lips, 2.6);
        }
    }
}
