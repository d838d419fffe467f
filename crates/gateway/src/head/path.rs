//! One spelling of each path.

use super::Refusal;

const MAX_PATH: usize = 1024;
const MAX_QUERY: usize = 128;

/// The path in its one spelling, and the query; `target` must begin with the path.
pub(super) fn normal(target: &str) -> Result<(String, &str), Refusal> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if !path.starts_with('/') || path.len() > MAX_PATH {
        return Err(Refusal::Target);
    }
    let asked = |byte: u8| byte.is_ascii_alphanumeric() || b"=&_-".contains(&byte);
    if query.len() > MAX_QUERY || !query.bytes().all(asked) {
        return Err(Refusal::Query);
    }
    let plain = decode(path)?;
    let mut segments = plain[1..].split('/').peekable();
    while let Some(segment) = segments.next() {
        // The last may be empty: a folder.
        let empty = segment.is_empty() && segments.peek().is_some();
        if empty || segment == "." || segment == ".." {
            return Err(Refusal::Path);
        }
    }
    Ok((encode(&plain), query))
}

/// What is left needs no second decoding, and holds no other way to say `/`.
fn decode(path: &str) -> Result<String, Refusal> {
    let (mut plain, mut bytes) = (String::with_capacity(path.len()), path.bytes());
    while let Some(byte) = bytes.next() {
        let (byte, spelt) = match byte {
            b'%' => {
                let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16));
                let (high, low) = digit().zip(digit()).ok_or(Refusal::Path)?;
                ((high * 16 + low) as u8, true)
            }
            byte => (byte, false),
        };
        let fine = byte.is_ascii_alphanumeric()
            || is_mark(byte)
            || (spelt && byte == b'^')
            || (!spelt && byte == b'/');
        if !fine {
            return Err(Refusal::Path);
        }
        plain.push(char::from(byte));
    }
    Ok(plain)
}

/// Names and versions of packages have no others; `^` is of RPM's versions.
fn is_mark(byte: u8) -> bool {
    b"-._~+:@,=".contains(&byte)
}

fn encode(plain: &str) -> String {
    if plain.contains('^') { plain.replace('^', "%5E") } else { plain.to_owned() }
}
