//! A square of 100 by 100 units to draw on, whatever the picture's size.

use tiny_skia::{
    FillRule, LineCap, LineJoin, Mask, Paint, Path, PathBuilder, Pixmap, Stroke, Transform,
};

use super::palette::Rgb;

/// Side of the drawing square in user units. It is fitted to the smaller side of the picture
/// and centred, so that shapes drawn past its edges fill the rest of a picture that is not square.
pub(super) const SIDE: f32 = 100.0;

/// Paints shapes with antialiasing on a transparent picture.
pub(super) struct Canvas {
    pixmap: Pixmap,
    base: Transform,
    current: Transform,
    clip: Option<Mask>,
}

impl Canvas {
    /// A transparent picture; `None` if a side is zero or absurdly large.
    pub(super) fn new(height: usize, width: usize) -> Option<Self> {
        let (width, height) = (u32::try_from(width).ok()?, u32::try_from(height).ok()?);
        let pixmap = Pixmap::new(width, height)?;
        let (w, h) = (width as f32, height as f32);
        let scale = w.min(h) / SIDE;
        let base = Transform::from_row(
            scale,
            0.0,
            0.0,
            scale,
            (w - SIDE * scale) / 2.0,
            (h - SIDE * scale) / 2.0,
        );
        Some(Self { pixmap, base, current: base, clip: None })
    }

    /// Premultiplied RGBA bytes, row by row.
    pub(super) fn into_rgba(self) -> Vec<u8> {
        self.pixmap.take()
    }

    /// Sets the pose under which later shapes are drawn, in user units.
    pub(super) fn pose(&mut self, pose: Transform) {
        self.current = self.base.pre_concat(pose);
    }

    /// Covers the whole picture, past the square too.
    pub(super) fn flood(&mut self, color: Rgb) {
        self.pixmap.fill(color.opaque());
    }

    /// Restricts later shapes to the inside of a path, until [`Canvas::unclip`].
    pub(super) fn clip(&mut self, path: Option<&Path>) {
        self.clip = path.and_then(|path| {
            let mut mask = Mask::new(self.pixmap.width(), self.pixmap.height())?;
            mask.fill_path(path, FillRule::Winding, true, self.current);
            Some(mask)
        });
    }

    /// Ends a restriction.
    pub(super) fn unclip(&mut self) {
        self.clip = None;
    }

    /// Fills a path. A degenerate path (`None`) has no inside and draws nothing.
    pub(super) fn fill(&mut self, path: Option<&Path>, color: Rgb) {
        self.fill_alpha(path, color, 1.0);
    }

    /// Fills a path with a transparent colour, `alpha` in [0, 1].
    pub(super) fn fill_alpha(&mut self, path: Option<&Path>, color: Rgb, alpha: f32) {
        if let Some(path) = path {
            let paint = paint(color, alpha);
            let mask = self.clip.as_ref();
            self.pixmap.fill_path(path, &paint, FillRule::Winding, self.current, mask);
        }
    }

    /// Draws along a path with a round pen `width` units thick.
    pub(super) fn stroke(&mut self, path: Option<&Path>, color: Rgb, width: f32) {
        if let Some(path) = path {
            let pen = Stroke {
                width,
                line_cap: LineCap::Round,
                line_join: LineJoin::Round,
                ..Stroke::default()
            };
            let mask = self.clip.as_ref();
            self.pixmap.stroke_path(path, &paint(color, 1.0), &pen, self.current, mask);
        }
    }

    /// Fills an ellipse given by its centre and radii.
    pub(super) fn ellipse(&mut self, (x, y): (f32, f32), (rx, ry): (f32, f32), color: Rgb) {
        self.fill(oval((x, y), (rx, ry)).as_ref(), color);
    }
}

fn paint(color: Rgb, alpha: f32) -> Paint<'static> {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color(color.with_alpha(alpha));
    paint
}

/// A path written as a closure over its builder.
pub(super) fn path(build: impl FnOnce(&mut PathBuilder)) -> Option<Path> {
    let mut builder = PathBuilder::new();
    build(&mut builder);
    builder.finish()
}

/// An ellipse given by its centre and radii.
pub(super) fn oval((x, y): (f32, f32), (rx, ry): (f32, f32)) -> Option<Path> {
    PathBuilder::from_oval(tiny_skia::Rect::from_ltrb(x - rx, y - ry, x + rx, y + ry)?)
}

/// A rectangle with corners rounded by `r`, given by its left, top, right and bottom.
pub(super) fn round_rect([l, t, r, b]: [f32; 4], radius: f32) -> Option<Path> {
    // The usual distance of a control point for a quarter circle.
    let k = radius * 0.4477;
    path(|p| {
        p.move_to(l + radius, t);
        p.line_to(r - radius, t);
        p.cubic_to(r - k, t, r, t + k, r, t + radius);
        p.line_to(r, b - radius);
        p.cubic_to(r, b - k, r - k, b, r - radius, b);
        p.line_to(l + radius, b);
        p.cubic_to(l + k, b, l, b - k, l, b - radius);
        p.line_to(l, t + radius);
        p.cubic_to(l, t + k, l + k, t, l + radius, t);
        p.close();
    })
}
