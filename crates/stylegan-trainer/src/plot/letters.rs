//! Letters of three by five squares.

use image::{Rgb, RgbImage};

/// Rows of a letter from the top, an octal digit each, whose bits are its squares from the left.
const fn letter(letter: char) -> u32 {
    match letter {
        '0' => 0o75557,
        '1' => 0o26227,
        '2' => 0o71747,
        '3' => 0o71717,
        '4' => 0o55711,
        '5' => 0o74717,
        '6' => 0o74757,
        '7' => 0o71122,
        '8' => 0o75757,
        '9' => 0o75717,
        'a' => 0o25755,
        'b' => 0o65656,
        'c' => 0o34443,
        'd' => 0o65556,
        'e' => 0o74647,
        'f' => 0o74644,
        'g' => 0o34553,
        'h' => 0o55755,
        'i' => 0o72227,
        'j' => 0o11152,
        'k' => 0o55655,
        'l' => 0o44447,
        'm' => 0o57755,
        'n' => 0o65555,
        'o' => 0o25552,
        'p' => 0o65644,
        'q' => 0o25563,
        'r' => 0o65655,
        's' => 0o34216,
        't' => 0o72222,
        'u' => 0o55557,
        'v' => 0o55552,
        'w' => 0o55775,
        'x' => 0o55255,
        'y' => 0o55222,
        'z' => 0o71247,
        '_' => 0o00007,
        '.' => 0o00002,
        '-' => 0o00700,
        '+' => 0o02720,
        ',' => 0o00024,
        '(' => 0o24442,
        ')' => 0o21112,
        '/' => 0o11244,
        ' ' => 0,
        _ => 0o77777,
    }
}

/// Pixels that a text takes, `size` a square.
pub(super) fn width(text: &str, size: u32) -> u32 {
    4 * size * text.chars().count() as u32
}

/// Writes a text in small capitals with its upper left corner at (x, y).
pub(super) fn write(
    picture: &mut RgbImage,
    x: u32,
    y: u32,
    text: &str,
    size: u32,
    colour: Rgb<u8>,
) {
    for (place, character) in text.chars().enumerate() {
        let bits = letter(character.to_ascii_lowercase());
        for at in (0..15).filter(|at| bits >> (14 - at) & 1 == 1) {
            let (column, row) = (at % 3, at / 3);
            for square in 0..size * size {
                let px = x + (4 * place as u32 + column) * size + square % size;
                let py = y + row * size + square / size;
                if px < picture.width() && py < picture.height() {
                    picture.put_pixel(px, py, colour);
                }
            }
        }
    }
}
