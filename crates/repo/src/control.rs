//! The fields of Debian's control files. Only what cannot break out of its paragraph gets in.

/// The fields of one paragraph, in their order. A value of several lines has its lines as written, each with
/// the blank it begins with.
pub type Fields = Vec<(String, String)>;

/// Why text is no paragraph of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadControl {
    #[error("the control file is not text")]
    NotText,
    #[error("the control file has more than one paragraph")]
    SecondParagraph,
    #[error("a line of the control file is neither a field nor goes on with one")]
    Line,
    #[error("a field of the control file is there twice")]
    Twice,
    #[error("the control file has too many fields")]
    TooMany,
}

const MAX_FIELDS: usize = 200;

/// Reads one paragraph.
pub fn parse(bytes: &[u8]) -> Result<Fields, BadControl> {
    let text = std::str::from_utf8(bytes).map_err(|_| BadControl::NotText)?;
    let mut fields: Fields = Vec::new();
    let mut ended = false;
    for line in text.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.chars().any(|letter| letter.is_control() && letter != '\t') {
            return Err(BadControl::NotText);
        }
        if line.trim().is_empty() {
            ended |= !fields.is_empty();
            continue;
        }
        if ended {
            return Err(BadControl::SecondParagraph);
        }
        if line.starts_with('#') {
            continue;
        }
        if line.starts_with([' ', '\t']) {
            let (_, value) = fields.last_mut().ok_or(BadControl::Line)?;
            value.push('\n');
            value.push_str(line.trim_end());
            continue;
        }
        let (name, value) = line.split_once(':').ok_or(BadControl::Line)?;
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(BadControl::Line);
        }
        if get(&fields, name).is_some() {
            return Err(BadControl::Twice);
        }
        if fields.len() == MAX_FIELDS {
            return Err(BadControl::TooMany);
        }
        fields.push((name.to_owned(), value.trim().to_owned()));
    }
    Ok(fields)
}

/// The value of a field; names are compared without regard to case.
pub fn get<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    let found = fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_lines_that_go_on() {
        let text = b"Package: a\nDescription: one\n two\n .\n three\n\n";
        let fields = parse(text).unwrap();
        assert_eq!(get(&fields, "package"), Some("a"));
        assert_eq!(get(&fields, "Description"), Some("one\n two\n .\n three"));
    }

    #[test]
    fn nothing_breaks_out() {
        for (text, why) in [
            (b"Package: a\n\nPackage: b\n" as &[u8], BadControl::SecondParagraph),
            (b"Package: a\n \t\nPackage: b\n", BadControl::SecondParagraph),
            (b"Package: a\nPackage: b\n", BadControl::Twice),
            (b"Package: a\npackage: b\n", BadControl::Twice),
            (b" x\n", BadControl::Line),
            (b"no field\n", BadControl::Line),
            (b"A b: c\n", BadControl::Line),
            (b"A: \x00\n", BadControl::NotText),
            (b"A: b\rC: d\n", BadControl::NotText),
            (b"A: \xff\n", BadControl::NotText),
        ] {
            assert_eq!(parse(text), Err(why), "{:?}", String::from_utf8_lossy(text));
        }
    }
}
