//! From any collection to a prepared set and a picture of its first images:
//! `prepare_set SRC DEST RESOLUTION CHANNELS SHEET.png`.

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use image::{Rgb, RgbImage};
use stylegan_dataset::{
    Crop, Native, Pixels, PrepareOptions, SourceOptions, open_source, prepare, silent,
};

/// Images on the sheet, across and down.
const SHEET: (usize, usize) = (16, 10);

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    #[expect(clippy::print_stderr, reason = "an example is a program")]
    match run(&arguments) {
        Ok(said) => {
            eprintln!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<String, Box<dyn std::error::Error>> {
    let [source, dest, side, channels, sheet] = arguments else {
        return Err("usage: prepare_set SRC DEST RESOLUTION CHANNELS SHEET.png".into());
    };
    let side: usize = side.parse()?;
    let source = open_source(source, &SourceOptions::default())?;
    let options = PrepareOptions {
        resolution: (side, side),
        channels: Some(channels.parse()?),
        crop: Crop::Center,
        ..PrepareOptions::default()
    };
    let never = AtomicBool::new(false);
    let started = Instant::now();
    let labels = source.labels();
    let dest = Path::new(dest);
    let prepared = prepare(source.as_ref(), labels, None, dest, &options, &silent, &never)?;
    let seconds = started.elapsed().as_secs_f64();
    let started = Instant::now();
    let set = Native::open(dest)?;
    let opened = started.elapsed().as_secs_f64() * 1e3;
    draw(&set, side)?.save(sheet)?;
    Ok(format!(
        "{} images, {} labels, levels {:?}, {seconds:.1} s; opens in {opened:.1} ms; content {}",
        prepared.images, prepared.label_dim, prepared.levels, prepared.content
    ))
}

/// Images spread over the whole set.
fn draw(set: &Native, side: usize) -> Result<RgbImage, Box<dyn std::error::Error>> {
    let (columns, rows) = SHEET;
    let mut sheet = RgbImage::new((columns * side) as u32, (rows * side) as u32);
    let (count, total) = (columns * rows, set.header().images);
    for place in 0..count.min(total) {
        let index = place * total / count.min(total);
        let (channels, data) = (set.header().channels, set.pixels(index, 0));
        let data = data.ok_or("the set is shorter than it says")?.to_vec();
        let image = stylegan_dataset::Image { width: side, height: side, channels, data };
        let pixels = Pixels::from_planes(&image).with_channels(3);
        for (at, pixel) in pixels.data.as_chunks::<3>().0.iter().enumerate() {
            let x = place % columns * side + at % side;
            let y = place / columns * side + at / side;
            sheet.put_pixel(x as u32, y as u32, Rgb(*pixel));
        }
    }
    Ok(sheet)
}
