//! Writes the first faces as one picture: `contact_sheet PATH.png COUNT RESOLUTION [COLUMNS]`.

use std::process::ExitCode;

use image::{Rgb, RgbImage};
use stylegan_dataset::{Dataset, Faces, FacesConfig};

fn main() -> ExitCode {
    match sheet(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "an example is a program")]
            {
                eprintln!("{error}");
            }
            ExitCode::FAILURE
        }
    }
}

fn sheet(arguments: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    let [path, count, side, rest @ ..] = arguments else {
        return Err("usage: contact_sheet PATH.png COUNT RESOLUTION [COLUMNS]".into());
    };
    let (count, side): (usize, usize) = (count.parse()?, side.parse()?);
    let columns = match rest.first() {
        Some(columns) => columns.parse::<usize>()?.max(1),
        None => ((count as f64).sqrt().ceil() as usize).max(1),
    };
    let config = FacesConfig { count, resolution: (side, side), ..FacesConfig::default() };
    let faces = Faces::new(config)?;
    let rows = count.div_ceil(columns);
    let mut sheet = RgbImage::new((columns * side) as u32, (rows * side) as u32);
    for index in 0..count {
        let pixels = faces.get(index)?.image.data;
        for at in 0..side * side {
            let (x, y) = (index % columns * side + at % side, index / columns * side + at / side);
            let pixel = [0, 1, 2].map(|channel| pixels[channel * side * side + at]);
            sheet.put_pixel(x as u32, y as u32, Rgb(pixel));
        }
    }
    Ok(sheet.save(path)?)
}
