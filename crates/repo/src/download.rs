//! Getting a file whole over a way that may break: what to ask for next, and whether what came is right.
//! Bytes are the caller's; this keeps their sum.

use ring::digest::{Context, SHA256};

use crate::Sha256;

/// A file under way.
#[derive(Clone)]
pub struct Download {
    wanted: Sha256,
    size: u64,
    at: u64,
    sum: Context,
}

/// What to do with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// The body follows what is there.
    Append,
    /// The body is the file from its beginning: what is there goes.
    Restart,
    /// The body is none of the file.
    Refuse,
}

/// Why a file is not the one that was to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    #[error("{0} bytes came, of {1}")]
    Short(u64, u64),
    #[error("more bytes came than the file has: {0}")]
    Long(u64),
    #[error("the file's sum is {0}")]
    Sum(Sha256),
}

impl Download {
    /// Nothing of it is there.
    pub fn new(wanted: Sha256, size: u64) -> Download {
        Download { wanted, size, at: 0, sum: Context::new(&SHA256) }
    }

    /// How many bytes are there: what is to be asked for begins here.
    pub fn offset(&self) -> u64 {
        self.at
    }

    pub fn is_whole(&self) -> bool {
        self.at == self.size
    }

    /// The headers of the next request: a range if something is there, of this very file only.
    pub fn ask(&self) -> Vec<(&'static str, String)> {
        match self.at {
            0 => Vec::new(),
            at => vec![("range", format!("bytes={at}-")), ("if-range", format!("\"{}\"", self.wanted))],
        }
    }

    /// What an answer's status and `Content-Range` mean.
    pub fn answer(&self, status: u16, content_range: Option<&str>) -> Take {
        match (status, content_range) {
            (200, _) => Take::Restart,
            (206, Some(range)) => match range.strip_prefix("bytes ").and_then(|rest| rest.split_once('/')) {
                Some((range, whole)) if whole == self.size.to_string() => match range.split_once('-') {
                    Some((first, _)) if first == self.at.to_string() => Take::Append,
                    _ => Take::Refuse,
                },
                _ => Take::Refuse,
            },
            _ => Take::Refuse,
        }
    }

    /// What was there goes.
    pub fn restart(&mut self) {
        *self = Download::new(self.wanted, self.size);
    }

    /// Bytes came, in their order.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), Wrong> {
        let at = self.at + bytes.len() as u64;
        if at > self.size {
            return Err(Wrong::Long(at));
        }
        self.at = at;
        self.sum.update(bytes);
        Ok(())
    }

    /// Whether all came, and nothing else.
    pub fn finish(self) -> Result<(), Wrong> {
        if !self.is_whole() {
            return Err(Wrong::Short(self.at, self.size));
        }
        let mut sum = [0; 32];
        sum.copy_from_slice(self.sum.finish().as_ref());
        if Sha256(sum) == self.wanted { Ok(()) } else { Err(Wrong::Sum(Sha256(sum))) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_right_answer_is_appended() {
        let mut download = Download::new(Sha256::of(b"abcdef"), 6);
        assert!(download.ask().is_empty());
        assert_eq!(download.answer(200, None), Take::Restart);
        download.take(b"abc").unwrap();
        assert_eq!(download.ask()[0], ("range", "bytes=3-".to_owned()));
        for (status, range, take) in [
            (206, Some("bytes 3-5/6"), Take::Append),
            (206, Some("bytes 2-5/6"), Take::Refuse),
            (206, Some("bytes 3-5/7"), Take::Refuse),
            (206, Some("bytes 3-5/*"), Take::Refuse),
            (206, None, Take::Refuse),
            (200, Some("bytes 3-5/6"), Take::Restart),
            (404, None, Take::Refuse),
            (416, None, Take::Refuse),
        ] {
            assert_eq!(download.answer(status, range), take, "{status} {range:?}");
        }
        assert_eq!(download.clone().finish(), Err(Wrong::Short(3, 6)));
        assert_eq!(download.clone().take(b"defg"), Err(Wrong::Long(7)));
        download.take(b"dex").unwrap();
        assert!(matches!(download.finish(), Err(Wrong::Sum(_))));
    }

    proptest! {
        /// However it is cut and however often it breaks, the file is whole at the end.
        #[test]
        fn any_cuts(file: Vec<u8>, cuts in proptest::collection::vec((0_usize..50, any::<bool>()), 0..20)) {
            let mut download = Download::new(Sha256::of(&file), file.len() as u64);
            for (cut, restart) in cuts.into_iter().chain([(usize::MAX, false)]) {
                if restart {
                    download.restart();
                }
                let at = download.offset() as usize;
                download.take(&file[at..at.saturating_add(cut).min(file.len())]).unwrap();
            }
            prop_assert_eq!(download.finish(), Ok(()));
        }
    }
}
