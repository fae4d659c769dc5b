//! The head: its outline, ears, shading and cheeks.

use tiny_skia::Path;

use super::attributes::{Attribute, Attributes};
use super::canvas::{Canvas, oval, path};
use super::palette::{DARK_SKIN, LIGHT_SKIN, Rgb, any, hex};
use crate::random::Draw;

/// An outline and the colour inside. All other features are placed relative to it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Head {
    /// Centre, at the height of the ears.
    pub(super) x: f32,
    pub(super) y: f32,
    /// Half the width, and the distance from the centre to the crown and to the chin.
    pub(super) rx: f32,
    pub(super) top: f32,
    pub(super) bottom: f32,
    /// How far the cheeks go down, and how wide the chin is, as fractions of the half sizes.
    jaw: f32,
    chin: f32,
    round: bool,
    /// How far the features are shifted sideways: the head turns a little.
    pub(super) yaw: f32,
    pub(super) skin: Rgb,
    dark: bool,
    cheeks: bool,
    /// Where the light comes from: -1 left, 0 front, 1 right.
    pub(super) light: f32,
}

impl Head {
    pub(super) fn sample(draw: &mut Draw, attributes: Attributes) -> Self {
        let round = attributes.has(Attribute::RoundHead);
        // Half width, crown, chin, jaw and chin shape of the circle and of the three others.
        let shape = [
            (28.5, 35.0, 37.0, 0.52, 0.56),
            (29.5, 34.0, 34.5, 0.86, 0.72),
            (30.5, 34.0, 36.5, 0.36, 0.34),
        ];
        let others = draw.weighted(&[(0, 1.0), (1, 1.0), (2, 1.0)], 0);
        let (rx, top, bottom, jaw, chin) =
            if round { (34.0, 34.0, 34.0, 0.5523, 0.5523) } else { shape[others] };
        let size = draw.range(0.97, 1.03);
        let dark = attributes.has(Attribute::DarkSkin);
        let tone = if dark { any(draw, &DARK_SKIN) } else { any(draw, &LIGHT_SKIN) };
        Self {
            x: 50.0,
            y: 54.0,
            rx: rx * size,
            top: top * size,
            bottom: bottom * size,
            jaw,
            chin,
            round,
            yaw: draw.range(-1.0, 1.0),
            skin: tone.varied(draw, 0.03),
            dark,
            cheeks: attributes.has(Attribute::RosyCheeks),
            light: draw.weighted(&[(-1.0, 1.0), (0.0, 0.6), (1.0, 1.0)], 0.0),
        }
    }

    pub(super) fn attributes(&self, set: Attributes) -> Attributes {
        set.with(Attribute::RoundHead, self.round)
            .with(Attribute::DarkSkin, self.dark)
            .with(Attribute::RosyCheeks, self.cheeks)
    }

    /// Where features sit: the middle of the face, moved by the turn of the head.
    pub(super) fn face_x(&self) -> f32 {
        self.x + self.yaw
    }

    /// The outline, grown by some units and moved.
    pub(super) fn outline(&self, grow: f32, (dx, dy): (f32, f32)) -> Option<Path> {
        let (x, y) = (self.x + dx, self.y + dy);
        let (rx, top, bottom) = (self.rx + grow, self.top + grow, self.bottom + grow);
        let k = 0.5523;
        path(|p| {
            p.move_to(x, y - top);
            p.cubic_to(x + rx * k, y - top, x + rx, y - top * k, x + rx, y);
            let (jaw, chin) = (y + bottom * self.jaw, rx * self.chin);
            p.cubic_to(x + rx, jaw, x + chin, y + bottom, x, y + bottom);
            p.cubic_to(x - chin, y + bottom, x - rx, jaw, x - rx, y);
            p.cubic_to(x - rx, y - top * k, x - rx * k, y - top, x, y - top);
            p.close();
        })
    }

    /// Ears, outline, shadow of the light and cheeks.
    pub(super) fn paint(&self, canvas: &mut Canvas) {
        let shade = self.skin.darker(0.24);
        for side in [-1.0, 1.0] {
            let x = self.x + side * (self.rx + 1.0);
            canvas.ellipse((x, self.y + 1.5), (5.5, 7.5), self.skin.darker(0.10));
            canvas.ellipse((x + side * 0.5, self.y + 1.5), (2.8, 4.4), shade);
        }
        let outline = self.outline(0.0, (0.0, 0.0));
        canvas.fill(outline.as_ref(), self.skin.darker(0.17));
        // The lit part is the outline moved towards the light and up: a crescent stays in shadow.
        canvas.clip(outline.as_ref());
        let lit = self.outline(0.0, (self.light * 4.5, -3.5));
        canvas.fill(lit.as_ref(), self.skin);
        if self.cheeks {
            let rose = if self.dark {
                self.skin.mix(hex(0xF23A2C), 0.62)
            } else {
                self.skin.mix(hex(0xFF4464), 0.56)
            };
            for side in [-1.0, 1.0] {
                let center = (self.face_x() + side * self.rx * 0.62, self.y + 13.0);
                canvas.fill(oval(center, (6.4, 5.2)).as_ref(), rose);
            }
        }
        canvas.unclip();
    }
}
