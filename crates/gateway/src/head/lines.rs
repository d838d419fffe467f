//! Where a head ends, and its lines.

use super::Refusal;

/// Where the head that begins here ends, if it does; bytes before `from` were looked at. A line that ends
/// otherwise than with CR and LF is no line.
pub fn end_of_head(bytes: &[u8], from: usize) -> Result<Option<usize>, Refusal> {
    for at in from..bytes.len() {
        if bytes[at] != b'\n' {
            continue;
        }
        if at == 0 || bytes[at - 1] != b'\r' {
            return Err(Refusal::LineEnd);
        }
        if at == 1 || (at >= 3 && bytes[at - 2] == b'\n') {
            return Ok(Some(at + 1));
        }
    }
    Ok(None)
}

/// The lines of a head, without their ends and without the empty one.
pub(super) struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Lines<'a> {
    /// The head must be whole.
    pub fn of(head: &'a [u8]) -> Result<Lines<'a>, Refusal> {
        let rest = head.strip_suffix(b"\r\n").filter(|rest| rest.ends_with(b"\r\n")).ok_or(Refusal::Line)?;
        Ok(Lines { rest })
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = self.rest.windows(2).position(|two| two == b"\r\n")?;
        let line = &self.rest[..end];
        self.rest = &self.rest[end + 2..];
        Some(line)
    }
}

/// Name and value. A line that goes on the one before has no name, and a name ends with its colon.
pub(super) fn field(line: &[u8]) -> Option<(&str, &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (&line[..colon], trimmed(&line[colon + 1..]));
    let named = !name.is_empty() && name.iter().copied().all(is_of_name);
    let plain = value.iter().all(|byte| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f));
    (named && plain).then(|| (std::str::from_utf8(name).unwrap_or_default(), value))
}

/// Without spaces and tabs around it: a lone CR is no space.
fn trimmed(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Of a token, as names and methods are.
pub(super) fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Digits and nothing else: no sign, no list, no second reading.
pub(super) fn number(value: &[u8]) -> Option<u64> {
    let digits = !value.is_empty() && value.len() <= 18 && value.iter().all(u8::is_ascii_digit);
    digits.then(|| value.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}
