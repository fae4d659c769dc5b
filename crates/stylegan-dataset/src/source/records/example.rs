//! The payload of a record: TensorFlow's `Example` in the wire format of protocol buffers, with the
//! features `shape` (three integers: channels, height, width) and `data` (bytes).

use crate::dataset::Image;

/// The longest side that a picture may have.
const MAX_SIDE: u64 = 8192;

/// A field's value in the wire format.
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Reads a variable-length integer and moves on.
fn varint(bytes: &mut &[u8]) -> Result<u64, String> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or("it ends within a number")?;
        *bytes = rest;
        value |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(String::from("it holds a number of more than ten bytes"))
}

/// Reads a field and moves on; `None` at the end.
fn field<'a>(bytes: &mut &'a [u8]) -> Result<Option<(u64, Value<'a>)>, String> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let tag = varint(bytes)?;
    let mut take = |len: u64| -> Result<&'a [u8], String> {
        let parts = usize::try_from(len).ok().and_then(|len| bytes.split_at_checked(len));
        let (taken, rest) = parts.ok_or("it ends within a field")?;
        *bytes = rest;
        Ok(taken)
    };
    let value = match tag & 7 {
        0 => Value::Number(varint(bytes)?),
        1 => Value::Bytes(take(8)?),
        2 => {
            let len = varint(bytes)?;
            let parts = usize::try_from(len).ok().and_then(|len| bytes.split_at_checked(len));
            let (taken, rest) = parts.ok_or("it ends within a field")?;
            *bytes = rest;
            Value::Bytes(taken)
        }
        5 => Value::Bytes(take(4)?),
        kind => return Err(format!("it holds a field of the unknown kind {kind}")),
    };
    Ok(Some((tag >> 3, value)))
}

/// Calls `with` for every field number `number` that holds bytes.
fn each<'a>(
    mut bytes: &'a [u8],
    number: u64,
    mut with: impl FnMut(&'a [u8]) -> Result<(), String>,
) -> Result<(), String> {
    while let Some((found, value)) = field(&mut bytes)? {
        if let (true, Value::Bytes(inner)) = (found == number, value) {
            with(inner)?;
        }
    }
    Ok(())
}

/// The integers of an `Int64List`, packed or one by one; no more than a shape has.
fn integers(mut list: &[u8]) -> Result<Vec<u64>, String> {
    let mut numbers = Vec::new();
    while let Some((number, value)) = field(&mut list)? {
        match value {
            _ if number != 1 => {}
            Value::Number(value) => numbers.push(value),
            Value::Bytes(mut packed) => {
                while !packed.is_empty() && numbers.len() <= 3 {
                    numbers.push(varint(&mut packed)?);
                }
            }
        }
        if numbers.len() > 3 {
            return Err(String::from("its shape has more than three sides"));
        }
    }
    Ok(numbers)
}

/// The picture in an `Example`.
///
/// # Errors
/// What is wrong with it: no such message, no `shape` or `data`, or a shape that is none of a
/// picture or does not fit the data.
pub fn parse(example: &[u8]) -> Result<Image, String> {
    let (mut shape, mut data) = (None, None);
    each(example, 1, |features| {
        each(features, 1, |entry| {
            let (mut key, mut feature) = (&[][..], &[][..]);
            each(entry, 1, |bytes| {
                key = bytes;
                Ok(())
            })?;
            each(entry, 2, |bytes| {
                feature = bytes;
                Ok(())
            })?;
            match key {
                b"shape" => each(feature, 3, |list| {
                    shape = Some(integers(list)?);
                    Ok(())
                }),
                b"data" => each(feature, 1, |list| {
                    each(list, 1, |bytes| {
                        data = Some(bytes);
                        Ok(())
                    })
                }),
                _ => Ok(()),
            }
        })
    })?;
    let (Some(shape), Some(data)) = (shape, data) else {
        return Err(String::from("it lacks the features \"shape\" and \"data\" of a picture"));
    };
    let &[channels, height, width] = shape.as_slice() else {
        return Err(format!("its shape is {shape:?}: expected channels, height and width"));
    };
    let sides = 1..=MAX_SIDE;
    if !matches!(channels, 1 | 3 | 4) || !sides.contains(&height) || !sides.contains(&width) {
        return Err(format!("its shape {shape:?} (channels, height, width) is not possible"));
    }
    if channels * height * width != data.len() as u64 {
        let found = data.len();
        return Err(format!("its shape {shape:?} does not fit its {found} bytes"));
    }
    let [channels, height, width] = [channels, height, width].map(|side| side as usize);
    Ok(Image { width, height, channels, data: data.to_vec() })
}

/// Writes a picture as an `Example`.
pub(crate) fn write(image: &Image) -> Vec<u8> {
    let mut sides = Vec::new();
    for side in [image.channels, image.height, image.width] {
        put_varint(&mut sides, side as u64);
    }
    let shape = message(3, &message(1, &sides));
    let data = message(1, &message(1, &image.data));
    let entry =
        |key: &[u8], feature: &[u8]| message(1, &[message(1, key), message(2, feature)].concat());
    message(1, &[entry(b"shape", &shape), entry(b"data", &data)].concat())
}

fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// A field that holds bytes.
fn message(number: u8, inner: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    put_varint(&mut bytes, inner.len() as u64);
    bytes.extend_from_slice(inner);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> Image {
        Image { width: 3, height: 2, channels: 3, data: (0..18).collect() }
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(parse(&write(&image())).unwrap(), image());
    }

    #[test]
    fn shapes_that_cannot_be_are_refused() {
        for (channels, height, width, part) in [
            (3, 2, 4, "does not fit its 18 bytes"),
            (2, 3, 3, "not possible"),
            (3, 0, 3, "not possible"),
            (3, 1 << 40, 3, "not possible"),
        ] {
            let error = parse(&write(&Image { width, height, channels, ..image() })).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
        assert!(parse(b"").unwrap_err().contains("lacks the features"));
        assert!(parse(&write(&image())[..20]).unwrap_err().contains("ends within"));
    }
}
