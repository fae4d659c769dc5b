//! The text forms of protocol 0.

use super::PickleFault;
use super::node::Node;

/// A number as it is written: `I01` is true, `I00` false, and long integers end in `L`.
pub(crate) fn number(text: &str, float: bool) -> Result<Node, PickleFault> {
    let bad = || PickleFault::malformed(format!("`{}` is not a number", text.escape_default()));
    let trimmed = text.trim();
    if float {
        return trimmed.parse().map(Node::Float).map_err(|_| bad());
    }
    Ok(match trimmed {
        "00" => Node::Bool(false),
        "01" => Node::Bool(true),
        other => Node::Int(other.trim_end_matches('L').parse().map_err(|_| bad())?),
    })
}

/// A string as Python 2 prints it, quotes and escapes included.
pub(crate) fn unquote(text: &[u8]) -> Result<Vec<u8>, PickleFault> {
    let text = text.trim_ascii();
    let inner = match text {
        [b'\'', inner @ .., b'\''] | [b'"', inner @ .., b'"'] => inner,
        _ => return Err(PickleFault::malformed("a string has no quotes around it")),
    };
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let Some((&escape, tail)) = rest.split_first() else {
            return Err(PickleFault::malformed("a string ends in a backslash"));
        };
        rest = tail;
        match escape {
            b'n' => bytes.push(b'\n'),
            b't' => bytes.push(b'\t'),
            b'r' => bytes.push(b'\r'),
            b'a' => bytes.push(7),
            b'b' => bytes.push(8),
            b'f' => bytes.push(12),
            b'v' => bytes.push(11),
            b'x' => bytes.push(digits(&mut rest, 2, 16)? as u8),
            b'0'..=b'7' => {
                rest = &inner[inner.len() - rest.len() - 1..];
                let length = rest.iter().take(3).take_while(|b| (b'0'..=b'7').contains(b)).count();
                bytes.push(digits(&mut rest, length, 8)? as u8);
            }
            other => bytes.push(other),
        }
    }
    Ok(bytes)
}

/// A Unicode string: Latin-1, with `\uXXXX` and `\UXXXXXXXX`.
pub(crate) fn unescape(text: &[u8]) -> Result<String, PickleFault> {
    let mut string = String::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let length = match (first, tail.first()) {
            (b'\\', Some(b'u')) => 4,
            (b'\\', Some(b'U')) => 8,
            _ => {
                string.push(char::from(*first));
                rest = tail;
                continue;
            }
        };
        rest = &tail[1..];
        let code = digits(&mut rest, length, 16)?;
        let character = char::from_u32(code);
        string.push(character.ok_or_else(|| PickleFault::malformed("a string is not Unicode"))?);
    }
    Ok(string)
}

/// Takes `length` digits from the front.
fn digits(rest: &mut &[u8], length: usize, radix: u32) -> Result<u32, PickleFault> {
    let value = rest
        .split_at_checked(length)
        .and_then(|(digits, tail)| {
            *rest = tail;
            u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
        })
        .ok_or_else(|| PickleFault::malformed("an escape in a string is not complete"))?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_both_kinds_of_strings() {
        assert_eq!(unquote(br"'a\n\x41\\\'\101'").unwrap(), b"a\nA\\'A");
        assert!(unquote(br"'a\x4'").is_err() && unquote(b"a").is_err() && unquote(b"'").is_err());
        assert_eq!(unescape(b"a\xe9\\u20ac\\U0001f600\\n").unwrap(), "a\u{e9}\u{20ac}\u{1f600}\\n");
        assert!(unescape(br"\ud800").is_err() && unescape(br"\u12").is_err());
    }

    #[test]
    fn numbers_of_both_kinds() {
        assert!(matches!(number("01", false), Ok(Node::Bool(true))));
        assert!(matches!(number("-7L", false), Ok(Node::Int(-7))));
        assert!(matches!(number("1e-3", true), Ok(Node::Float(x)) if x == 1e-3));
        assert!(number("9999999999999999999999", false).is_err());
    }
}
