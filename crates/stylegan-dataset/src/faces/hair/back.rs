//! Hair behind the head.

use tiny_skia::Path;

use super::super::canvas::{Canvas, oval, path};
use super::super::head::Head;
use super::{Hair, Style};

impl Hair {
    /// What is seen behind the shoulders, the neck and the head.
    pub(in super::super) fn paint_back(&self, canvas: &mut Canvas, head: &Head, hat: bool) {
        let (x, y, rx, top) = (head.x, head.y, head.rx, head.top);
        let shade = self.color.darker(0.22);
        let v = self.volume;
        match self.style {
            Style::Afro => {
                let (center, radii) = ((x, y - 9.0), (rx + 11.0 * v, top + 8.0 * v));
                canvas.fill(oval(center, radii).as_ref(), self.color);
                for i in 0..11 {
                    let angle = std::f32::consts::PI * (0.92 + 1.16 * i as f32 / 10.0);
                    let at = (
                        center.0 + radii.0 * angle.cos() * 0.98,
                        center.1 + radii.1 * angle.sin() * 0.98,
                    );
                    canvas.ellipse(at, (5.5, 5.5), self.color);
                }
            }
            Style::Bun if !hat => {
                let at = (x, y - top - 8.0);
                canvas.ellipse(at, (11.5 * v, 10.0 * v), shade);
                canvas.ellipse((at.0, at.1 - 1.0), (9.5 * v, 8.0 * v), self.color);
            }
            Style::Bob => canvas.fill(curtain(head, 8.0 * v, y + 28.0, 9.0).as_ref(), shade),
            Style::Curtain | Style::Fringe => {
                canvas.fill(curtain(head, 7.0 * v, 104.0, 4.0).as_ref(), shade);
            }
            Style::Waves => {
                canvas.fill(curtain(head, 8.0, y + 36.0, 10.0).as_ref(), shade);
                for side in [-1.0, 1.0] {
                    for i in 0..6 {
                        let at = (x + side * (rx + 7.0), y - 20.0 + 11.5 * i as f32);
                        canvas.ellipse(at, (8.0 * v, 8.0 * v), shade);
                    }
                }
            }
            Style::Pigtails => {
                for side in [-1.0, 1.0] {
                    let tail = path(|p| {
                        let at = x + side * rx;
                        p.move_to(at, y + 2.0);
                        p.cubic_to(
                            at + side * 22.0 * v,
                            y - 4.0,
                            at + side * 17.0 * v,
                            y + 30.0,
                            at + side * 12.0,
                            y + 46.0,
                        );
                        p.cubic_to(
                            at + side * 2.0,
                            y + 40.0,
                            at - side * 4.0,
                            y + 20.0,
                            at,
                            y + 2.0,
                        );
                        p.close();
                    });
                    canvas.fill(tail.as_ref(), self.color.darker(0.1));
                }
            }
            _ => {}
        }
    }
}

/// Hair hanging around the head down to a height, with rounded lower corners.
fn curtain(head: &Head, grow: f32, down: f32, corner: f32) -> Option<Path> {
    let (x, y) = (head.x, head.y);
    let (w, top) = (head.rx + grow, y - head.top - 3.0);
    let (start, k) = (y - 4.0, 0.55);
    path(|p| {
        p.move_to(x, top);
        p.cubic_to(x + w * k, top, x + w, start - (start - top) * k, x + w, start);
        p.line_to(x + w + 1.5, down - corner);
        p.quad_to(x + w + 1.5, down, x + w - corner, down);
        p.line_to(x - w + corner, down);
        p.quad_to(x - w - 1.5, down, x - w - 1.5, down - corner);
        p.line_to(x - w, start);
        p.cubic_to(x - w, start - (start - top) * k, x - w * k, top, x, top);
        p.close();
    })
}
