//! The colours of the bundled faces.

use tiny_skia::Color;

use crate::random::Draw;

/// An opaque sRGB colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rgb(pub(super) u8, pub(super) u8, pub(super) u8);

impl Rgb {
    pub(super) const WHITE: Self = hex(0xFFFFFF);
    pub(super) const INK: Self = hex(0x231A20);

    pub(super) fn opaque(self) -> Color {
        Color::from_rgba8(self.0, self.1, self.2, 255)
    }

    pub(super) fn with_alpha(self, alpha: f32) -> Color {
        let alpha = (alpha.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
        Color::from_rgba8(self.0, self.1, self.2, alpha)
    }

    /// The way from this colour to another, `t` in [0, 1].
    pub(super) fn mix(self, other: Self, t: f32) -> Self {
        let lerp = |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * t + 0.5) as u8;
        Self(lerp(self.0, other.0), lerp(self.1, other.1), lerp(self.2, other.2))
    }

    /// Towards a warm black: shadows that stay lively.
    pub(super) fn darker(self, t: f32) -> Self {
        self.mix(hex(0x2A1020), t)
    }

    pub(super) fn lighter(self, t: f32) -> Self {
        self.mix(Self::WHITE, t)
    }

    /// Perceived brightness in [0, 255].
    pub(super) fn luma(self) -> f32 {
        0.299 * f32::from(self.0) + 0.587 * f32::from(self.1) + 0.114 * f32::from(self.2)
    }

    /// How different two colours look; above 100 they cannot be confused.
    pub(super) fn distance(self, other: Self) -> f32 {
        // The red-mean formula: cheap, and close enough to perception to choose backgrounds.
        let mean = (f32::from(self.0) + f32::from(other.0)) / 2.0;
        let d = |a: u8, b: u8| f32::from(a) - f32::from(b);
        let (r, g, b) = (d(self.0, other.0), d(self.1, other.1), d(self.2, other.2));
        ((2.0 + mean / 256.0) * r * r + 4.0 * g * g + (2.0 + (255.0 - mean) / 256.0) * b * b).sqrt()
    }

    /// A small random change of brightness, so that no two faces share every colour.
    pub(super) fn varied(self, draw: &mut Draw, amount: f32) -> Self {
        let t = draw.range(-amount, amount);
        if t < 0.0 { self.darker(-t) } else { self.lighter(t) }
    }
}

pub(super) const fn hex(rgb: u32) -> Rgb {
    Rgb((rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8)
}

/// Skin tones that are not dark, lightest first.
pub(super) const LIGHT_SKIN: [Rgb; 5] =
    [hex(0xFFE3D0), hex(0xFFD3AE), hex(0xF6C093), hex(0xE9AE7B), hex(0xD99A66)];

/// Dark skin tones, lightest first.
pub(super) const DARK_SKIN: [Rgb; 4] = [hex(0xA86C43), hex(0x8C5634), hex(0x714128), hex(0x633925)];

/// Hair colours that are not blond, with how common each is.
pub(super) const HAIR: [(Rgb, f32); 11] = [
    (hex(0x1F1A20), 2.6),
    (hex(0x46291B), 2.2),
    (hex(0x7B4626), 1.8),
    (hex(0xA33D1F), 1.0),
    (hex(0xE0702A), 1.2),
    (hex(0x9A9AA6), 0.9),
    (hex(0xECEAEC), 0.9),
    (hex(0xEE5FA0), 0.6),
    (hex(0x3C74DA), 0.6),
    (hex(0x2FA38C), 0.4),
    (hex(0x8250C8), 0.5),
];

/// Blond hair colours, with how common each is.
pub(super) const BLOND: [(Rgb, f32); 3] =
    [(hex(0xF5CB4E), 1.5), (hex(0xFFE08A), 1.0), (hex(0xE8B43C), 0.8)];

/// Irises.
pub(super) const IRIS: [(Rgb, f32); 5] = [
    (hex(0x5B3418), 3.0),
    (hex(0x2F7FD1), 1.6),
    (hex(0x2F9B57), 1.2),
    (hex(0x2B1B1B), 1.5),
    (hex(0x7A8A99), 0.6),
];

/// Backgrounds: clear colours that skin and hair stand out from.
pub(super) const BACKGROUND: [Rgb; 12] = [
    hex(0x8FD0F5),
    hex(0xA5E6C6),
    hex(0xFF9E8C),
    hex(0xFFE48F),
    hex(0xC9B8F7),
    hex(0x3EA8A4),
    hex(0x37517F),
    hex(0x7B4473),
    hex(0xD5DCE4),
    hex(0xF9BBD2),
    hex(0x86C56C),
    hex(0x4C8FD6),
];

/// Clothes, hats and frames.
pub(super) const CLOTHES: [Rgb; 10] = [
    hex(0xE5484D),
    hex(0x2F6FDE),
    hex(0x2BA36B),
    hex(0xF4A72C),
    hex(0x7C4DBE),
    hex(0xF5F2EC),
    hex(0x2E3340),
    hex(0xEC6FA6),
    hex(0x19A5B8),
    hex(0x8C5A3C),
];

/// A colour of a list that stands out from all those given: the first far enough from a random
/// start, or the farthest.
pub(super) fn contrasting(draw: &mut Draw, list: &[Rgb], others: &[Rgb], enough: f32) -> Rgb {
    let start = (draw.unit() * list.len() as f32) as usize;
    let mut best = (f32::NEG_INFINITY, Rgb::WHITE);
    for step in 0..list.len() {
        let color = list[(start + step) % list.len()];
        let nearest = others.iter().map(|o| color.distance(*o)).fold(f32::INFINITY, f32::min);
        if nearest >= enough {
            return color;
        }
        if nearest > best.0 {
            best = (nearest, color);
        }
    }
    best.1
}

/// One colour of a list, all as likely.
pub(super) fn any(draw: &mut Draw, list: &[Rgb]) -> Rgb {
    contrasting(draw, list, &[], 0.0)
}
