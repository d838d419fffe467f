//! Words of software: they become parts of paths and lines of indexes as they are.

use serde_json::Value;

use super::Checked;

/// One of the words that a file of software says of itself, or that is said of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SoftwareWord {
    Name,
    Version,
    Architecture,
    File,
    /// In lower-case hexadecimal digits.
    Sha256,
}

impl SoftwareWord {
    /// Whether a text can be such a word.
    pub fn fits(self, text: &str) -> bool {
        let bytes = text.as_bytes();
        let all = |more: &[u8]| bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || more.contains(byte));
        let first =
            |more: &[u8]| bytes.first().is_some_and(|b| b.is_ascii_alphanumeric() || more.contains(b));
        let name = |most: usize| first(b"_") && bytes.len() <= most && all(b"+-._");
        match self {
            SoftwareWord::Name => name(128),
            SoftwareWord::Version => first(b"") && bytes.len() <= 128 && all(b"+-._~:^"),
            SoftwareWord::Architecture => name(32) && !text.contains('.'),
            // Beside it are the sums.
            SoftwareWord::File => name(128) && !text.starts_with("SHA256SUMS"),
            SoftwareWord::Sha256 => {
                bytes.len() == 64 && bytes.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            }
        }
    }

    const fn about(self) -> &'static str {
        match self {
            SoftwareWord::Name => "a name of letters, digits and + - . _, 128 at most",
            SoftwareWord::Version => "a version of letters, digits and + - . _ ~ : ^, 128 at most",
            SoftwareWord::Architecture => "an architecture such as amd64",
            SoftwareWord::File => "a file's name of letters, digits and + - . _, 128 at most",
            SoftwareWord::Sha256 => "a SHA-256 sum of 64 lower-case hexadecimal digits",
        }
    }
}

pub(super) fn software(word: SoftwareWord, value: &Value) -> Checked {
    match value {
        Value::Null if word != SoftwareWord::Name => Ok(()),
        Value::String(text) if word.fits(text) => Ok(()),
        _ => Err(format!("{value} is not {}", word.about())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SoftwareWord::{Architecture, File, Name, Sha256, Version};

    #[test]
    fn words_are_parts_of_paths() {
        for (word, text, good) in [
            (Name, "libstdc++6", true),
            (Name, "_x", true),
            (Name, "", false),
            (Name, ".hidden", false),
            (Name, "a/b", false),
            (Name, "a b", false),
            (Name, "é", false),
            (Version, "1:2.3~rc1-4+deb12u1", true),
            (Version, "~1", false),
            (Version, "1/2", false),
            (Architecture, "x86_64", true),
            (Architecture, "a.b", false),
            (File, "hello-1.0.tar.gz", true),
            (File, "SHA256SUMS.asc", false),
            (File, "..", false),
            (Sha256, &"0f".repeat(32), true),
            (Sha256, &"0F".repeat(32), false),
        ] {
            assert_eq!(word.fits(text), good, "{word:?} {text}");
        }
        assert!(!Name.fits(&"a".repeat(129)) && Name.fits(&"a".repeat(128)));
    }
}
