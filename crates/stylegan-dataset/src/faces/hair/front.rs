//! Hair on the head.

use tiny_skia::{Path, PathBuilder};

use super::super::canvas::{Canvas, oval, path};
use super::super::head::Head;
use super::super::palette::Rgb;
use super::{Hair, Style};

impl Hair {
    /// What lies on the head, over the face. Under a hat nothing rises above the crown.
    pub(in super::super) fn paint_front(&self, canvas: &mut Canvas, head: &Head, hat: bool) {
        let (x, y, rx, top) = (head.x, head.y, head.rx, head.top);
        let (color, v, s) = (self.color, self.volume, self.side);
        match self.style {
            Style::Bald => self.shine(canvas, head, Rgb::WHITE, 0.45),
            Style::Buzz => {
                let line = |p: &mut PathBuilder| {
                    p.cubic_to(x + rx * 0.75, y - 24.0, x + rx * 0.5, y - 23.0, x, y - 23.5);
                    p.cubic_to(
                        x - rx * 0.5,
                        y - 23.0,
                        x - rx * 0.75,
                        y - 24.0,
                        x - rx + 1.5,
                        y - 5.0,
                    );
                };
                canvas.fill(cap(head, 0.6, 0.6, -5.0, line).as_ref(), color.mix(head.skin, 0.18));
            }
            Style::SidePart => {
                canvas.fill(cap(head, 2.0, 4.0 * v, 1.0, swoop(head, s, 19.5)).as_ref(), color);
                self.gloss(canvas, head);
            }
            Style::Quiff => {
                if !hat {
                    let lock = path(|p| {
                        p.move_to(x - s * rx * 0.95, y - 16.0);
                        p.cubic_to(
                            x - s * rx * 1.15,
                            y - top - 8.0 * v,
                            x - s * 8.0,
                            y - top - 13.0 * v,
                            x + s * 14.0,
                            y - top - 11.0 * v,
                        );
                        p.cubic_to(
                            x + s * (rx + 6.0),
                            y - top - 9.0 * v,
                            x + s * (rx + 4.0),
                            y - 20.0,
                            x + s * rx * 0.9,
                            y - 18.0,
                        );
                        p.close();
                    });
                    canvas.fill(lock.as_ref(), color);
                }
                canvas.fill(cap(head, 1.5, 3.0, -1.0, arch(head, 22.0)).as_ref(), color);
                self.gloss(canvas, head);
            }
            Style::Spiky => {
                if !hat {
                    canvas.fill(spikes(head, 12.0 * v).as_ref(), color);
                }
                canvas.fill(cap(head, 1.5, 2.0, -2.0, zigzag(head)).as_ref(), color);
            }
            Style::Bowl => {
                let line = |p: &mut PathBuilder| {
                    p.line_to(x + rx - 3.0, y - 15.0);
                    p.quad_to(x, y - 26.0, x - rx + 3.0, y - 15.0);
                };
                canvas.fill(cap(head, 3.5, 5.0 * v, -1.0, line).as_ref(), color);
                self.gloss(canvas, head);
            }
            Style::Mohawk => {
                let line = arch(head, 25.0);
                canvas.fill(cap(head, 0.5, 0.5, -6.0, line).as_ref(), head.skin.mix(color, 0.45));
                if !hat {
                    let strip = path(|p| {
                        p.move_to(x - 8.5, y - 21.0);
                        p.cubic_to(
                            x - 14.0,
                            y - top - 6.0,
                            x - 12.0,
                            y - top - 17.0 * v,
                            x,
                            y - top - 17.0 * v,
                        );
                        p.cubic_to(
                            x + 12.0,
                            y - top - 17.0 * v,
                            x + 14.0,
                            y - top - 6.0,
                            x + 8.5,
                            y - 21.0,
                        );
                        p.quad_to(x, y - 17.0, x - 8.5, y - 21.0);
                        p.close();
                    });
                    canvas.fill(strip.as_ref(), color);
                }
            }
            Style::Bun => {
                canvas.fill(cap(head, 1.8, 2.5, 1.0, arch(head, 21.0)).as_ref(), color);
                self.gloss(canvas, head);
            }
            Style::Curls => {
                canvas.fill(cap(head, 2.0, 2.0, -2.0, arch(head, 21.0)).as_ref(), color);
                for i in 0..9 {
                    let angle = std::f32::consts::PI * (1.0 + i as f32 / 8.0);
                    let at = (x + (rx + 0.5) * angle.cos(), y - 6.0 + (top - 3.0) * angle.sin());
                    canvas.ellipse(at, (7.4 * v, 7.4 * v), color);
                }
                for i in 0..5 {
                    let across = (i as f32 - 2.0) / 2.0;
                    let at = (x + across * rx * 0.66, y - 23.5 + 4.0 * across * across);
                    canvas.ellipse(at, (6.0, 5.6), color);
                }
            }
            Style::Afro => {
                canvas.fill(cap(head, 1.0, 2.0, -4.0, arch(head, 21.0)).as_ref(), color);
            }
            Style::Bob | Style::Fringe => {
                let down = if self.style == Style::Bob { y + 28.0 } else { 103.0 };
                self.locks(canvas, head, down);
                let line = |p: &mut PathBuilder| {
                    p.line_to(x + rx - 4.0, y - 15.0);
                    p.quad_to(x, y - 27.0, x - rx + 4.0, y - 15.0);
                };
                canvas.fill(cap(head, 4.5, 5.5 * v, 2.0, line).as_ref(), color);
                self.gloss(canvas, head);
            }
            Style::Curtain => {
                self.locks(canvas, head, 103.0);
                let line = |p: &mut PathBuilder| {
                    let part = x + s * 4.0;
                    p.cubic_to(x + rx - 3.0, y - 14.0, part + 10.0, y - 16.0, part, y - top + 4.0);
                    p.cubic_to(
                        part - 10.0,
                        y - 16.0,
                        x - rx + 3.0,
                        y - 14.0,
                        x - rx + 2.0,
                        y + 2.0,
                    );
                };
                canvas.fill(cap(head, 4.5, 5.0 * v, 2.0, line).as_ref(), color);
                self.gloss(canvas, head);
            }
            Style::Pigtails => {
                canvas.fill(cap(head, 2.5, 4.0, 3.0, swoop(head, s, 19.0)).as_ref(), color);
                for side in [-1.0, 1.0] {
                    canvas.ellipse((x + side * (rx + 3.0), y + 4.0), (4.0, 3.6), Rgb(235, 60, 90));
                }
                self.gloss(canvas, head);
            }
            Style::Waves => {
                for side in [-1.0, 1.0] {
                    for i in 0..6 {
                        let inward = if i == 0 { 5.0 } else { 0.0 };
                        let at = (x + side * (rx + 2.0 - inward), y - 17.0 + 11.0 * i as f32);
                        canvas.ellipse(at, (6.6 * v, 7.2 * v), color);
                    }
                }
                canvas.fill(cap(head, 4.0, 5.0 * v, -4.0, swoop(head, s, 20.0)).as_ref(), color);
                self.gloss(canvas, head);
            }
        }
    }

    /// Strands in front of the ears and the shoulders.
    fn locks(&self, canvas: &mut Canvas, head: &Head, down: f32) {
        let (x, y, rx) = (head.x, head.y, head.rx);
        for side in [-1.0, 1.0] {
            let strand = path(|p| {
                let outer = x + side * (rx + 4.5);
                let inner = x + side * (rx - 3.5);
                p.move_to(outer, y - 6.0);
                p.cubic_to(
                    outer + side * 3.0,
                    y + 10.0,
                    outer + side * 4.0,
                    down - 14.0,
                    outer + side,
                    down,
                );
                p.quad_to(inner, down + 2.0, inner - side * 2.0, down - 3.0);
                p.cubic_to(
                    inner + side * 3.0,
                    y + 20.0,
                    inner + side,
                    y + 6.0,
                    inner - side,
                    y - 10.0,
                );
                p.close();
            });
            canvas.fill(strand.as_ref(), self.color);
        }
    }

    /// A band of light across the crown, on the side the light comes from.
    fn gloss(&self, canvas: &mut Canvas, head: &Head) {
        let (x, y) = (head.x + head.light * 7.0, head.y - head.top + 6.0);
        let band = path(|p| {
            p.move_to(x - 11.0, y + 1.5);
            p.quad_to(x, y - 4.5, x + 11.0, y + 1.5);
        });
        canvas.stroke(band.as_ref(), self.color.lighter(0.26), 3.0);
    }

    fn shine(&self, canvas: &mut Canvas, head: &Head, color: Rgb, alpha: f32) {
        let side = if head.light == 0.0 { 1.0 } else { head.light };
        let at = (head.x + side * head.rx * 0.4, head.y - head.top * 0.74);
        canvas.fill_alpha(oval(at, (6.5, 3.6)).as_ref(), color, alpha);
    }
}

/// A cap over the crown: the outline of the head grown by `grow` at the sides and `lift` on top,
/// from `sides` units below the centre, closed by a hairline that runs from right to left.
fn cap(
    head: &Head,
    grow: f32,
    lift: f32,
    sides: f32,
    hairline: impl FnOnce(&mut PathBuilder),
) -> Option<Path> {
    let (x, y, k) = (head.x, head.y, 0.5523);
    let (rx, top) = (head.rx + grow, head.top + lift);
    path(|p| {
        p.move_to(x - rx, y + sides);
        p.line_to(x - rx, y - 2.0);
        p.cubic_to(x - rx, y - top * 0.62, x - rx * k, y - top, x, y - top);
        p.cubic_to(x + rx * k, y - top, x + rx, y - top * 0.62, x + rx, y - 2.0);
        p.line_to(x + rx, y + sides);
        p.line_to(x + head.rx - 2.0, y + sides);
        hairline(p);
        p.line_to(x - head.rx + 2.0, y + sides);
        p.close();
    })
}

/// A forehead under a round hairline whose highest point is `up` units above the centre.
fn arch(head: &Head, up: f32) -> impl FnOnce(&mut PathBuilder) {
    let (x, y, rx) = (head.x, head.y, head.rx);
    move |p| {
        p.cubic_to(x + rx * 0.8, y - up, x + rx * 0.5, y - up, x, y - up);
        p.cubic_to(x - rx * 0.5, y - up, x - rx * 0.8, y - up, x - rx + 2.0, y - 4.0);
    }
}

/// Hair combed across the forehead from a parting on one side.
fn swoop(head: &Head, side: f32, up: f32) -> impl FnOnce(&mut PathBuilder) {
    let (x, y, rx, top) = (head.x, head.y, head.rx, head.top);
    move |p| {
        if side > 0.0 {
            p.quad_to(x + rx * 0.86, y - 16.0, x + rx * 0.45, y - top + 6.0);
            p.cubic_to(
                x + rx * 0.2,
                y - up - 1.0,
                x - rx * 0.5,
                y - up + 2.0,
                x - rx + 2.5,
                y - 6.0,
            );
        } else {
            p.cubic_to(
                x + rx * 0.5,
                y - up + 2.0,
                x - rx * 0.2,
                y - up - 1.0,
                x - rx * 0.45,
                y - top + 6.0,
            );
            p.quad_to(x - rx * 0.86, y - 16.0, x - rx + 2.5, y - 6.0);
        }
    }
}

/// A jagged hairline.
fn zigzag(head: &Head) -> impl FnOnce(&mut PathBuilder) {
    let (x, y, rx) = (head.x, head.y, head.rx);
    move |p| {
        p.line_to(x + rx - 4.0, y - 14.0);
        for i in 0..4 {
            let right = x + rx * (0.72 - 0.36 * i as f32);
            p.line_to(right, y - 27.0);
            p.line_to(right - rx * 0.2, y - 19.5);
        }
        p.line_to(x - rx + 4.0, y - 14.0);
    }
}

/// Spikes that stand out from the crown.
fn spikes(head: &Head, length: f32) -> Option<Path> {
    let (x, y, rx, top) = (head.x, head.y, head.rx, head.top);
    path(|p| {
        let count = 7;
        let at = |turn: f32, out: f32| {
            let angle = std::f32::consts::PI * (1.03 + 0.94 * turn);
            (x + (rx + out) * angle.cos(), y - 6.0 + (top - 6.0 + out) * angle.sin())
        };
        p.move_to(x - rx, y - 6.0);
        for i in 0..count {
            let (tip_x, tip_y) = at((i as f32 + 0.5) / count as f32, length);
            let (dip_x, dip_y) = at((i as f32 + 1.0) / count as f32, 1.0);
            p.line_to(tip_x, tip_y);
            p.line_to(dip_x, dip_y);
        }
        p.line_to(x + rx, y - 6.0);
        // Back along the hairline, above the brows.
        p.quad_to(x, y - 46.0, x - rx, y - 6.0);
        p.close();
    })
}
