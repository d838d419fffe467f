//! A path to its segments: one spelling of each, and no way up.

/// `None`: no path of ours is written so.
pub fn segments(path: &str) -> Option<Vec<String>> {
    let mut all = Vec::new();
    for raw in path.strip_prefix('/')?.split('/') {
        let segment = decode(raw)?;
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"/\\%?#".contains(&byte);
        if segment.is_empty() || segment.starts_with('.') || !segment.bytes().all(plain) {
            return None;
        }
        all.push(segment);
    }
    Some(all)
}

fn decode(raw: &str) -> Option<String> {
    let mut bytes = raw.bytes();
    let mut decoded = String::new();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                (digit(bytes.next()?)? * 16 + digit(bytes.next()?)?) as u8
            }
            byte => byte,
        };
        if !byte.is_ascii() {
            return None;
        }
        decoded.push(char::from(byte));
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tricks_lead_nowhere() {
        assert_eq!(segments("/deb/pool/a%2bb_1%3A2~3.deb").unwrap(), ["deb", "pool", "a+b_1:2~3.deb"]);
        for path in [
            "",
            "/",
            "deb",
            "/deb/",
            "//deb",
            "/deb//x",
            "/deb/../key.asc",
            "/deb/%2e%2e/x",
            "/deb/.x",
            "/a%2fb",
            "/a%5cb",
            "/a\\b",
            "/a%00b",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a%252e",
            "/a%0ab",
            "/ä",
            "/a%c3%a4",
            "*",
        ] {
            assert_eq!(segments(path), None, "{path}");
        }
    }
}
