use std::io::Write;

use proptest::prelude::*;
use tar::{Builder, Header};

use super::*;

struct Made {
    folder: tempfile::TempDir,
    builder: Builder<Vec<u8>>,
}

impl Made {
    fn new() -> Made {
        Made { folder: tempfile::tempdir().unwrap(), builder: Builder::new(Vec::new()) }
    }

    /// An entry as it is written here, whatever its name.
    fn add(mut self, kind: EntryType, name: &str, link: &str, content: &[u8]) -> Made {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o6777);
        let old = header.as_old_mut();
        old.name[..name.len()].copy_from_slice(name.as_bytes());
        old.linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_cksum();
        self.builder.append(&header, content).unwrap();
        self
    }

    fn file(self, name: &str) -> Made {
        self.add(EntryType::Regular, name, "", b"content")
    }

    fn unpack_most(self, most: u64) -> (tempfile::TempDir, Result<(), NotUnpacked>) {
        let bytes = self.builder.into_inner().unwrap();
        let result = unpack_bytes(self.folder.path(), &bytes, most);
        (self.folder, result)
    }

    fn unpack(self) -> (tempfile::TempDir, Result<(), NotUnpacked>) {
        self.unpack_most(1 << 20)
    }
}

fn unpack_bytes(folder: &Path, bytes: &[u8], most: u64) -> Result<(), NotUnpacked> {
    let into = folder.join("into");
    fs::create_dir(&into).unwrap();
    fs::write(folder.join("secret"), "secret").unwrap();
    fs::write(folder.join("file"), bytes).unwrap();
    unpack(File::open(folder.join("file")).unwrap(), &Unpacking { into: &into, most })
}

#[test]
fn files_folders_and_links_come_out() {
    let long = "d/".to_owned() + &"n".repeat(150);
    let mut made =
        Made::new().add(EntryType::Directory, "./", "", b"").add(EntryType::Directory, "d/", "", b"");
    made = made.file("./d/a").add(EntryType::Link, "d/b", "./d/a", b"");
    made = made.add(EntryType::Symlink, "d/c", "../e/f", b"").file("e/f");
    let mut header = Header::new_gnu();
    header.set_size(1);
    header.set_mode(0o600);
    made.builder.append_data(&mut header, &long, &b"x"[..]).unwrap();
    let (folder, result) = made.unpack();
    result.unwrap();
    let into = folder.path().join("into");
    for name in ["d/a", "d/b", "d/c", "e/f"] {
        assert_eq!(fs::read(into.join(name)).unwrap(), b"content", "{name}");
    }
    assert_eq!(fs::read(into.join(long)).unwrap(), b"x");
    let mode = fs::metadata(into.join("d/a")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o755, "neither for all to write, nor to run as another");
}

#[test]
fn nothing_is_written_elsewhere() {
    let made = Made::new;
    let soft = |made: Made, name: &str, to: &str| made.add(EntryType::Symlink, name, to, b"");
    for (what, made) in [
        ("up", made().file("../out")),
        ("up within", made().file("a/../../out")),
        ("root", made().file("/tmp/neutrino-guest-out")),
        ("link up", soft(made(), "a", "..")),
        ("link up from below", soft(made(), "d/a", "../..")),
        ("link to the root", soft(made(), "a", "/etc")),
        ("link through another", soft(soft(made(), "d/x", "."), "y", "d/x/../..")),
        ("link that is nothing", soft(made(), "a", "")),
        ("hard link up", made().add(EntryType::Link, "a", "../secret", b"")),
        ("hard link to nothing", made().add(EntryType::Link, "a", "b", b"")),
        ("hard link through a link", soft(made(), "b", "c").add(EntryType::Link, "a", "b", b"")),
        ("a device", made().add(EntryType::Char, "a", "", b"")),
        ("a pipe", made().add(EntryType::Fifo, "a", "", b"")),
        ("a file through a link", soft(made(), "d", "e").file("d/out")),
        ("a file twice", made().file("a").file("a")),
        ("a file below a file", made().file("a").file("a/b")),
        ("a file with holes", made().add(EntryType::GNUSparse, "a", "", b"")),
    ] {
        let (folder, result) = made.unpack();
        assert!(result.is_err(), "{what}");
        let mut there: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        there.sort();
        assert_eq!(there, ["file", "into", "secret"], "{what}");
        assert!(!Path::new("/tmp/neutrino-guest-out").exists());
    }
    // What is no file of the archive is not even tried.
    for what in ["b", "d"] {
        let made = made().add(EntryType::Directory, "d/", "", b"").add(EntryType::Link, "a", what, b"");
        assert!(matches!(made.unpack().1, Err(NotUnpacked::Outside(_))), "{what}");
    }
}

#[test]
fn size_and_records_are_bounded() {
    let (_folder, result) = Made::new().file("a").file("b").unpack_most(13);
    assert!(matches!(result, Err(NotUnpacked::TooLarge(0))));
    let (_folder, result) = Made::new().add(EntryType::GNULongName, "a", "", &[b'x'; 65537]).unpack();
    assert!(matches!(result, Err(NotUnpacked::Damaged(_))));
    // A bomb: little in the file, much when unpacked.
    let mut made = Made::new();
    made = made.add(EntryType::Regular, "a", "", &vec![0; 8 << 20]);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&made.builder.into_inner().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let result = unpack_bytes(folder.path(), &packed.finish().unwrap(), 1 << 20);
    assert!(matches!(result, Err(NotUnpacked::TooLarge(1))));
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(unpack_bytes(folder.path(), b"PK\x03\x04", 1), Err(NotUnpacked::Zip)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any names and links: it is refused, or all is below the folder, through whatever links.
    #[test]
    fn any_entries(entries in proptest::collection::vec((0_u8..4, "[ab./]{0,7}", "[ab./]{0,7}"), 1..8)) {
        let mut made = Made::new();
        for (kind, name, link) in &entries {
            let kind = [EntryType::Regular, EntryType::Directory, EntryType::Symlink, EntryType::Link]
                [usize::from(*kind)];
            let content: &[u8] = if kind == EntryType::Regular { b"content" } else { b"" };
            made = made.add(kind, name, link, content);
        }
        let (folder, _) = made.unpack();
        prop_assert_eq!(fs::read(folder.path().join("secret")).unwrap(), b"secret");
        let into = folder.path().join("into").canonicalize().unwrap();
        let mut folders = vec![into.clone()];
        while let Some(at) = folders.pop() {
            for entry in fs::read_dir(at).unwrap() {
                let path = entry.unwrap().path();
                if let Ok(real) = path.canonicalize() {
                    prop_assert!(real.starts_with(&into), "{path:?} is {real:?}");
                }
                if path.symlink_metadata().unwrap().is_dir() {
                    folders.push(path);
                }
            }
        }
        prop_assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }
}
