//! Access rules: what an application credential may be used for.
//!
//! A rule's path is compared with the whole path of a request. `{name}` and `*` stand for one or
//! more characters without a slash, `**` for any characters.

use serde::Deserialize;

/// The type of our service in Keystone's catalog.
const SERVICE: &str = "network";

/// One thing that is allowed.
#[derive(Debug, Clone, Deserialize)]
pub struct AccessRule {
    service: String,
    method: String,
    path: String,
}

impl AccessRule {
    pub fn allows(&self, method: &str, path: &str) -> bool {
        self.service == SERVICE && self.method == method && matches(&pieces(&self.path), path)
    }

    /// Bytes it takes in memory, about.
    pub fn weight(&self) -> usize {
        self.service.len() + self.method.len() + self.path.len() + size_of::<AccessRule>()
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Piece {
    Exactly(u8),
    /// One or more, but no slash.
    Segment,
    Anything,
}

fn pieces(pattern: &str) -> Vec<Piece> {
    let mut rest = pattern.as_bytes();
    let mut pieces = Vec::with_capacity(rest.len());
    while let Some(first) = rest.first() {
        let (piece, len) = match first {
            b'*' if rest.get(1) == Some(&b'*') => (Some(Piece::Anything), 2),
            b'*' => (Some(Piece::Segment), 1),
            b'{' => match rest.iter().position(|byte| *byte == b'}') {
                Some(end) => (Some(Piece::Segment), end + 1),
                // A brace that opens or closes nothing says nothing, as in the reference.
                None => (None, 1),
            },
            b'}' => (None, 1),
            byte => (Some(Piece::Exactly(*byte)), 1),
        };
        pieces.extend(piece);
        rest = &rest[len..];
    }
    pieces
}

/// Keeps the set of places in the pattern that the text so far can have led to: time is bounded by
/// the product of both lengths, whatever the pattern.
fn matches(pieces: &[Piece], text: &str) -> bool {
    // `at[n]`: the pieces before n are used up; `within[n]`: piece n is a segment that has begun.
    let mut at = vec![false; pieces.len() + 1];
    let mut within = vec![false; pieces.len() + 1];
    at[0] = true;
    skip(pieces, &mut at);
    for byte in text.bytes() {
        let mut next = vec![false; pieces.len() + 1];
        let mut inside = vec![false; pieces.len() + 1];
        for (n, piece) in pieces.iter().enumerate() {
            match piece {
                Piece::Exactly(wanted) => next[n + 1] |= at[n] && *wanted == byte,
                Piece::Segment => {
                    inside[n] = (at[n] || within[n]) && byte != b'/';
                    next[n + 1] |= inside[n];
                }
                Piece::Anything => next[n] |= at[n],
            }
        }
        skip(pieces, &mut next);
        (at, within) = (next, inside);
        if !at.contains(&true) && !within.contains(&true) {
            return false;
        }
    }
    at[pieces.len()]
}

/// `**` may stand for nothing.
fn skip(pieces: &[Piece], at: &mut [bool]) {
    for (n, piece) in pieces.iter().enumerate() {
        if *piece == Piece::Anything && at[n] {
            at[n + 1] = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_match_as_their_rule_says() {
        for (pattern, path, allowed) in [
            ("/v2.0/networks", "/v2.0/networks", true),
            ("/v2.0/networks", "/v2.0/networks/", false),
            ("/v2.0/networks", "/v2x0/networks", false),
            ("/v2.0/networks", "/v2.0/network", false),
            ("/v2.0/ports/*", "/v2.0/ports/1", true),
            ("/v2.0/ports/*", "/v2.0/ports/", false),
            ("/v2.0/ports/*", "/v2.0/ports/1/tags", false),
            ("/v2.0/ports/{id}/tags", "/v2.0/ports/1/tags", true),
            ("/v2.0/ports/{id}/tags", "/v2.0/ports//tags", false),
            ("/v2.0/**", "/v2.0/", true),
            ("/v2.0/**", "/v2.0/ports/1/tags", true),
            ("/v2.0/**", "/v2.0", false),
            ("/v2.0/**/tags", "/v2.0/ports/1/tags", true),
            ("/v2.0/**/tags", "/v2.0/ports/1", false),
            ("**", "", true),
            ("***", "a", true),
            ("***", "", false),
            ("/a{b", "/ab", true),
            ("/a}b", "/ab", true),
            ("/*a*/b", "/xay/b", true),
            ("/*a*/b", "/aa/b", false),
            ("", "", true),
            ("", "/", false),
        ] {
            assert_eq!(matches(&pieces(pattern), path), allowed, "{pattern} on {path}");
        }
    }

    #[test]
    fn a_spiteful_pattern_takes_bounded_time() {
        let pattern = "*a".repeat(500);
        assert!(!matches(&pieces(&pattern), &format!("{}b", "a".repeat(5_000))));
    }

    #[test]
    fn the_service_and_the_method_count() {
        let rule = |service: &str, method: &str| AccessRule {
            service: service.into(),
            method: method.into(),
            path: "/v2.0/networks".into(),
        };
        assert!(rule("network", "GET").allows("GET", "/v2.0/networks"));
        assert!(!rule("network", "GET").allows("POST", "/v2.0/networks"));
        assert!(!rule("network", "GET").allows("HEAD", "/v2.0/networks"));
        assert!(!rule("compute", "GET").allows("GET", "/v2.0/networks"));
    }
}
