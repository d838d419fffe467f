//! What an installer says: a file that it appends to, of which the last is kept. A pipe would end with us, and
//! an installer that cannot write is killed half-way.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use model::software::OUTPUT_BYTES;

/// The file may grow so large between two looks.
const MOST: u64 = 1 << 20;

#[derive(Debug)]
pub struct Output {
    path: PathBuf,
}

impl Output {
    pub fn of(state: &Path) -> Output {
        Output { path: state.join("output") }
    }

    /// Empty, to be written by another process.
    pub fn begin(&self) -> io::Result<File> {
        let file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        file.set_len(0)?;
        Ok(file)
    }

    /// Its last bytes, as text.
    pub fn tail(&self) -> String {
        let mut bytes = Vec::new();
        let read = || -> io::Result<()> {
            let mut file = File::open(&self.path)?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(OUTPUT_BYTES as u64)))?;
            file.take(OUTPUT_BYTES as u64).read_to_end(&mut bytes)?;
            Ok(())
        };
        let mut read = read;
        let _ = read(); // What cannot be read is shown as nothing.
        let text = String::from_utf8_lossy(&bytes);
        text.trim_start_matches(char::REPLACEMENT_CHARACTER).replace('\0', "")
    }

    /// Lets the file begin anew when it grows large.
    pub fn bound(&self) {
        let shorten = || -> io::Result<()> {
            if std::fs::metadata(&self.path)?.len() > MOST {
                OpenOptions::new().write(true).open(&self.path)?.set_len(0)?;
            }
            Ok(())
        };
        let _ = shorten(); // The next look tries again.
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn the_last_is_kept_and_the_file_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let output = Output::of(folder.path());
        assert_eq!(output.tail(), "");
        let mut file = output.begin().unwrap();
        let written = "é".repeat(OUTPUT_BYTES) + "end";
        file.write_all(written.as_bytes()).unwrap();
        let tail = output.tail();
        assert!(tail.len() <= OUTPUT_BYTES && tail.ends_with("éend") && tail.starts_with('é'), "{tail}");
        file.write_all(&vec![b'x'; MOST as usize]).unwrap();
        output.bound();
        file.write_all(b"after").unwrap();
        assert_eq!(output.tail(), "after");
    }
}
