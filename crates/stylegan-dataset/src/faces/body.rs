//! Neck and shoulders.

use super::canvas::{Canvas, oval, path, round_rect};
use super::head::Head;
use super::palette::{CLOTHES, Rgb, contrasting};
use crate::random::Draw;

/// What is seen of the clothes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Body {
    color: Rgb,
    collar: Collar,
    width: f32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Collar {
    Round,
    Neck,
    Turtle,
}

impl Body {
    pub(super) fn sample(draw: &mut Draw, skin: Rgb, hair: Rgb, background: Rgb) -> Self {
        let collar = [(Collar::Round, 1.0), (Collar::Neck, 1.0), (Collar::Turtle, 0.7)];
        Self {
            color: contrasting(draw, &CLOTHES, &[skin, hair, background], 150.0),
            collar: draw.weighted(&collar, Collar::Round),
            width: draw.range(38.0, 46.0),
        }
    }

    pub(super) fn paint(&self, canvas: &mut Canvas, head: &Head) {
        let x = head.x;
        let shoulders = path(|p| {
            let (w, top) = (self.width, 88.0);
            p.move_to(x - w, 130.0);
            p.cubic_to(x - w, 98.0, x - w * 0.7, 92.0, x - 12.0, top);
            p.line_to(x + 12.0, top);
            p.cubic_to(x + w * 0.7, 92.0, x + w, 98.0, x + w, 130.0);
            p.close();
        });
        canvas.fill(shoulders.as_ref(), self.color);
        let throat = head.skin.darker(0.26);
        canvas.fill(round_rect([x - 10.5, 76.0, x + 10.5, 95.0], 4.0).as_ref(), throat);
        match self.collar {
            Collar::Round => canvas.fill(oval((x, 92.0), (12.5, 6.0)).as_ref(), throat),
            Collar::Neck => {
                let neckline = path(|p| {
                    p.move_to(x - 12.0, 87.0);
                    p.line_to(x + 12.0, 87.0);
                    p.line_to(x, 104.0);
                    p.close();
                });
                canvas.fill(neckline.as_ref(), throat);
            }
            Collar::Turtle => {
                let collar = round_rect([x - 13.5, 85.0, x + 13.5, 101.0], 4.0);
                canvas.fill(collar.as_ref(), self.color.darker(0.2));
            }
        }
    }
}
