//! Glasses and sunglasses.

use tiny_skia::Path;

use super::attributes::{Attribute, Attributes};
use super::canvas::{Canvas, oval, path, round_rect};
use super::eyes::Eyes;
use super::head::Head;
use super::palette::{Rgb, hex};
use crate::random::Draw;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Frame {
    Round,
    Square,
    Cat,
}

/// A pair of glasses.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Glasses {
    frame: Frame,
    color: Rgb,
    dark: Option<Rgb>,
}

impl Glasses {
    pub(super) fn sample(draw: &mut Draw, attributes: Attributes, skin: Rgb) -> Option<Self> {
        let frames = [(Frame::Round, 1.2), (Frame::Square, 1.0), (Frame::Cat, 0.6)];
        let colors = [
            (hex(0x1B1B22), 3.0),
            (hex(0xD42F45), 1.0),
            (hex(0x2456B8), 0.8),
            (hex(0x6B3417), 0.6),
            (hex(0xF4F1EA), 0.5),
        ];
        let frame = draw.weighted(&frames, Frame::Round);
        // Frames have to stand out from the skin behind them.
        let fits =
            colors.map(|(c, weight)| (c, if c.distance(skin) < 150.0 { 0.0 } else { weight }));
        let color = draw.weighted(&fits, colors[1].0);
        let tint = draw.weighted(
            &[(hex(0x17171F), 2.0), (hex(0x1E2C55), 1.0), (hex(0x4A1D2B), 0.6)],
            Rgb::INK,
        );
        attributes.has(Attribute::Glasses).then_some(Self {
            frame,
            color,
            dark: attributes.has(Attribute::Sunglasses).then_some(tint),
        })
    }

    pub(super) fn attributes(&self, set: Attributes) -> Attributes {
        set.with(Attribute::Glasses, true).with(Attribute::Sunglasses, self.dark.is_some())
    }

    fn lens(&self, (x, y): (f32, f32), side: f32) -> Option<Path> {
        match self.frame {
            Frame::Round => oval((x, y), (11.4, 11.2)),
            Frame::Square => round_rect([x - 11.6, y - 9.4, x + 11.6, y + 9.8], 3.5),
            Frame::Cat => path(|p| {
                p.move_to(x - side * 10.5, y - 7.5);
                p.line_to(x + side * 13.5, y - 12.0);
                p.cubic_to(x + side * 13.0, y + 4.0, x + side * 9.0, y + 10.5, x, y + 10.5);
                p.cubic_to(
                    x - side * 8.0,
                    y + 10.5,
                    x - side * 11.0,
                    y + 4.0,
                    x - side * 10.5,
                    y - 7.5,
                );
                p.close();
            }),
        }
    }

    pub(super) fn paint(&self, canvas: &mut Canvas, head: &Head, eyes: &Eyes) {
        let (x, y) = (head.face_x(), Eyes::line(head) + 0.5);
        let apart = eyes.apart.max(13.4);
        for side in [-1.0, 1.0] {
            let center = (x + side * apart, y);
            let lens = self.lens(center, side);
            match self.dark {
                Some(tint) => {
                    canvas.fill(lens.as_ref(), tint);
                    canvas.clip(lens.as_ref());
                    let glare = path(|p| {
                        p.move_to(center.0 - 8.0, center.1 + 6.0);
                        p.line_to(center.0 + 4.0, center.1 - 12.0);
                        p.line_to(center.0 + 9.0, center.1 - 12.0);
                        p.line_to(center.0 - 3.0, center.1 + 6.0);
                        p.close();
                    });
                    canvas.fill_alpha(glare.as_ref(), Rgb::WHITE, 0.28);
                    canvas.unclip();
                }
                None => canvas.fill_alpha(lens.as_ref(), hex(0xE8F6FF), 0.10),
            }
            canvas.stroke(lens.as_ref(), self.color, 4.4);
            let arm = path(|p| {
                p.move_to(center.0 + side * 11.5, y - 2.5);
                p.line_to(head.x + side * (head.rx + 0.5), y - 2.0);
            });
            canvas.stroke(arm.as_ref(), self.color, 3.6);
        }
        let bridge = path(|p| {
            p.move_to(x - apart + 10.8, y - 1.5);
            p.quad_to(x, y - 5.0, x + apart - 10.8, y - 1.5);
        });
        canvas.stroke(bridge.as_ref(), self.color, 3.8);
    }
}
