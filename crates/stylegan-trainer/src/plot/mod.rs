//! Curves as a picture, drawn without a font of the system.

mod letters;

use std::path::Path;

use image::{ImageError, Rgb, RgbImage};

const WIDTH: u32 = 720;
const PANEL: u32 = 220;
const LEFT: u32 = 96;
const RIGHT: u32 = 24;
const TOP: u32 = 34;
const BOTTOM: u32 = 34;

const PAPER: Rgb<u8> = Rgb([255, 255, 255]);
const INK: Rgb<u8> = Rgb([40, 40, 40]);
const FAINT: Rgb<u8> = Rgb([222, 222, 222]);
const LINE: Rgb<u8> = Rgb([32, 96, 176]);
const BEST: Rgb<u8> = Rgb([200, 60, 40]);

/// One metric over a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Its name.
    pub name: String,
    /// Thousands of images and values, in order.
    pub points: Vec<(f64, f64)>,
    /// Whether less is better: the best point is marked.
    pub lower_is_better: bool,
}

impl Curve {
    /// The best of its points.
    pub fn best(&self) -> Option<(f64, f64)> {
        let sign = if self.lower_is_better { 1.0 } else { -1.0 };
        let finite = self.points.iter().copied().filter(|(_, value)| value.is_finite());
        finite.min_by(|a, b| (sign * a.1).total_cmp(&(sign * b.1)))
    }
}

/// Draws one panel a curve, one below the other.
pub fn draw(curves: &[Curve]) -> RgbImage {
    let mut picture = RgbImage::from_pixel(WIDTH, PANEL * (curves.len() as u32).max(1), PAPER);
    let last = curves.iter().flat_map(|curve| &curve.points).map(|point| point.0);
    let last = last.fold(0.0, f64::max).max(1e-9);
    for (index, curve) in curves.iter().enumerate() {
        panel(&mut picture, index as u32 * PANEL, curve, last);
    }
    picture
}

/// Draws and writes a PNG file.
///
/// # Errors
/// If the file cannot be written.
pub fn write(curves: &[Curve], path: &Path) -> Result<(), ImageError> {
    draw(curves).save_with_format(path, image::ImageFormat::Png)
}

fn panel(picture: &mut RgbImage, top: u32, curve: &Curve, last: f64) {
    let values = || curve.points.iter().map(|point| point.1).filter(|value| value.is_finite());
    let (mut low, mut high) =
        (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    if low >= high {
        // One value, or none: a scale around it.
        let middle = if low.is_finite() { low } else { 0.0 };
        let half = if middle == 0.0 { 1.0 } else { 0.1 * middle.abs() };
        (low, high) = (middle - half, middle + half);
    }
    let (left, right) = (f64::from(LEFT), f64::from(WIDTH - RIGHT));
    let (ceiling, floor) = (f64::from(top + TOP), f64::from(top + PANEL - BOTTOM));
    let place = |(kimg, value): (f64, f64)| {
        let x = left + (right - left) * kimg / last;
        let y = floor - (floor - ceiling) * (value - low) / (high - low);
        (x, y)
    };
    for step in 0..=4 {
        let value = low + (high - low) * f64::from(step) / 4.0;
        let (_, y) = place((0.0, value));
        line(picture, (left, y), (right, y), FAINT);
        let said = number(value);
        let width = letters::width(&said, 2);
        letters::write(picture, LEFT - 8 - width.min(LEFT - 8), y as u32 - 5, &said, 2, INK);
        let kimg = last * f64::from(step) / 4.0;
        let said = number(kimg);
        let x = place((kimg, low)).0 as u32;
        let x = (x - letters::width(&said, 2) / 2).min(WIDTH - letters::width(&said, 2) - 2);
        letters::write(picture, x, top + PANEL - BOTTOM + 8, &said, 2, INK);
    }
    line(picture, (left, floor), (right, floor), INK);
    line(picture, (left, ceiling), (left, floor), INK);
    let known: Vec<_> =
        curve.points.iter().copied().filter(|(_, value)| value.is_finite()).map(place).collect();
    for pair in known.windows(2) {
        for shift in [0.0, 1.0] {
            line(picture, (pair[0].0, pair[0].1 + shift), (pair[1].0, pair[1].1 + shift), LINE);
        }
    }
    for &point in &known {
        dot(picture, point, 2, LINE);
    }
    let mut title = curve.name.clone();
    if let Some(best) = curve.best() {
        dot(picture, place(best), 4, BEST);
        title = format!("{title}   best {} at {} kimg", number(best.1), number(best.0));
    }
    letters::write(picture, LEFT, top + 10, &title, 2, INK);
}

/// Four significant digits.
fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = 3 - value.abs().log10().floor() as i32;
    if !(0..=6).contains(&digits) {
        return if digits < 0 { format!("{value:.0}") } else { format!("{value:.2e}") };
    }
    let said = format!("{value:.*}", digits as usize);
    if said.contains('.') {
        said.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        said
    }
}

fn line(picture: &mut RgbImage, from: (f64, f64), to: (f64, f64), colour: Rgb<u8>) {
    let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).ceil().max(1.0);
    for step in 0..=steps as u32 {
        let t = f64::from(step) / steps;
        let (x, y) = (from.0 + (to.0 - from.0) * t, from.1 + (to.1 - from.1) * t);
        put(picture, x.round() as i64, y.round() as i64, colour);
    }
}

fn dot(picture: &mut RgbImage, (x, y): (f64, f64), radius: i64, colour: Rgb<u8>) {
    for dy in -radius..=radius {
        for dx in -radius..=radius {
            if dx * dx + dy * dy <= radius * radius + 1 {
                put(picture, x.round() as i64 + dx, y.round() as i64 + dy, colour);
            }
        }
    }
}

fn put(picture: &mut RgbImage, x: i64, y: i64, colour: Rgb<u8>) {
    if let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y))
        && x < picture.width()
        && y < picture.height()
    {
        picture.put_pixel(x, y, colour);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(points: &[(f64, f64)]) -> Curve {
        Curve { name: "ppl_w".to_owned(), points: points.to_vec(), lower_is_better: true }
    }

    #[test]
    fn the_best_point_is_marked_where_it_lies() {
        let falling = curve(&[(10.0, 300.0), (20.0, 100.0), (30.0, 200.0)]);
        assert_eq!(falling.best(), Some((20.0, 100.0)));
        let picture = draw(&[falling]);
        let x = LEFT + (WIDTH - RIGHT - LEFT) * 2 / 3;
        assert_eq!(*picture.get_pixel(x, PANEL - BOTTOM), BEST);
    }

    #[test]
    fn one_point_none_and_what_is_no_number_are_drawn() {
        let curves = [curve(&[(5.0, 7.0)]), curve(&[]), curve(&[(1.0, f64::NAN), (2.0, 0.0)])];
        assert_eq!(draw(&curves).dimensions(), (WIDTH, 3 * PANEL));
        assert_eq!(curves[2].best(), Some((2.0, 0.0)));
        assert_eq!(draw(&[]).dimensions(), (WIDTH, PANEL));
    }

    #[test]
    fn numbers_are_short() {
        let numbers = [0.0, 12.5, 123.456, 98765.4, 0.001234, 1e-9].map(number);
        assert_eq!(numbers, ["0", "12.5", "123.5", "98765", "0.001234", "1.00e-9"]);
    }
}
