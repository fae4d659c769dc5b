//! Headgear.

use tiny_skia::Path;

use super::attributes::{Attribute, Attributes};
use super::canvas::{Canvas, oval, path, round_rect};
use super::head::Head;
use super::palette::{CLOTHES, Rgb, contrasting};
use crate::random::Draw;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Beanie,
    Cap,
    Bowler,
    Sun,
}

/// A hat that covers the crown of the head down to the forehead.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Hat {
    kind: Kind,
    color: Rgb,
    band: Rgb,
    /// The side that the brim of a cap points to.
    side: f32,
}

impl Hat {
    pub(super) fn sample(draw: &mut Draw, attributes: Attributes, others: &[Rgb]) -> Option<Self> {
        let kinds = [(Kind::Beanie, 1.2), (Kind::Cap, 1.2), (Kind::Bowler, 0.8), (Kind::Sun, 0.8)];
        let kind = draw.weighted(&kinds, Kind::Beanie);
        let color = contrasting(draw, &CLOTHES, others, 190.0);
        let band = contrasting(draw, &CLOTHES, &[color], 250.0);
        let side = if draw.chance(0.5) { 1.0 } else { -1.0 };
        attributes.has(Attribute::Hat).then_some(Self { kind, color, band, side })
    }

    pub(super) fn attributes(&self, set: Attributes) -> Attributes {
        set.with(Attribute::Hat, true)
    }

    pub(super) fn paint(&self, canvas: &mut Canvas, head: &Head) {
        let (x, rx) = (head.x, head.rx);
        let edge = head.y - 22.0;
        let crown = head.y - head.top;
        match self.kind {
            Kind::Beanie => {
                canvas.ellipse((x, crown - 7.5), (6.5, 6.0), self.band);
                canvas.fill(dome(x, rx + 2.5, edge, crown - 7.0).as_ref(), self.color);
                let fold = round_rect([x - rx - 3.5, edge - 5.5, x + rx + 3.5, edge + 3.0], 3.5);
                canvas.fill(fold.as_ref(), self.color.darker(0.28));
            }
            Kind::Cap => {
                canvas.fill(dome(x, rx + 1.5, edge + 1.0, crown - 5.0).as_ref(), self.color);
                let panel = path(|p| {
                    p.move_to(x - 11.0, edge);
                    p.cubic_to(x - 10.0, crown - 2.0, x + 10.0, crown - 2.0, x + 11.0, edge);
                    p.close();
                });
                canvas.fill(panel.as_ref(), self.band);
                let brim = path(|p| {
                    let s = self.side;
                    p.move_to(x - s * (rx + 2.0), edge - 3.5);
                    p.line_to(x + s * (rx - 2.0), edge - 3.5);
                    p.cubic_to(
                        x + s * (rx + 9.0),
                        edge - 3.0,
                        x + s * (rx + 15.0),
                        edge,
                        x + s * (rx + 14.0),
                        edge + 3.0,
                    );
                    p.cubic_to(
                        x + s * (rx + 2.0),
                        edge + 3.5,
                        x,
                        edge + 2.5,
                        x - s * (rx + 2.0),
                        edge + 1.5,
                    );
                    p.close();
                });
                canvas.fill(brim.as_ref(), self.color.darker(0.35));
            }
            Kind::Bowler => {
                canvas.fill(dome(x, rx * 0.86, edge, crown - 12.0).as_ref(), self.color);
                let band = [x - rx * 0.86, edge - 9.0, x + rx * 0.86, edge];
                canvas.fill(round_rect(band, 1.0).as_ref(), self.band);
                let brim = round_rect([x - rx - 8.0, edge - 3.0, x + rx + 8.0, edge + 3.2], 3.0);
                canvas.fill(brim.as_ref(), self.color.darker(0.22));
            }
            Kind::Sun => {
                let brim = oval((x, edge - 1.5), (rx + 15.0, 5.6));
                canvas.fill(brim.as_ref(), self.color.darker(0.24));
                canvas.fill(dome(x, rx * 0.88, edge - 2.0, crown - 8.0).as_ref(), self.color);
                let band = path(|p| {
                    p.move_to(x - rx * 0.88, edge - 9.0);
                    p.line_to(x + rx * 0.88, edge - 9.0);
                    p.line_to(x + rx * 0.88, edge - 2.0);
                    p.quad_to(x, edge + 2.0, x - rx * 0.88, edge - 2.0);
                    p.close();
                });
                canvas.fill(band.as_ref(), self.band);
            }
        }
    }
}

/// The upper half of a rounded body: flat below at `base`, highest at `top`.
fn dome(x: f32, rx: f32, base: f32, top: f32) -> Option<Path> {
    path(|p| {
        p.move_to(x - rx, base);
        p.cubic_to(x - rx, top + 2.0, x - rx * 0.55, top, x, top);
        p.cubic_to(x + rx * 0.55, top, x + rx, top + 2.0, x + rx, base);
        p.close();
    })
}
