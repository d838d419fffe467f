//! Files of somebody who means harm: whatever the bytes are, the answer is facts or a reason, and neither
//! memory nor time follows what a file claims.
#![expect(clippy::disallowed_methods, reason = "the corpus of the fuzz target is files")]
#![allow(clippy::unwrap_used, reason = "what these build is sound")]

use std::io::{Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use repo::{Detail, Malformed};

fn gz(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).and_then(|()| encoder.finish()).unwrap()
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = b"!<arch>\n".to_vec();
    for (name, content) in members {
        file.extend(
            format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, content.len()).bytes(),
        );
        file.extend(*content);
        if content.len() % 2 == 1 {
            file.push(b'\n');
        }
    }
    file
}

const CONTROL: &[u8] = b"Package: a\nVersion: 1\nArchitecture: all\nDepends: b (>= 2),  c\nDescription: d\n";

fn deb_with(control: &[u8]) -> Vec<u8> {
    let control = gz(&tar(&[("./control", control)]));
    ar(&[("debian-binary", b"2.0\n"), ("control.tar.gz", &control), ("data.tar", &tar(&[]))])
}

/// A header of texts (type 6, lists 8) and numbers (type 4).
fn header(texts: &[(u32, u32, &[&str])], numbers: &[(u32, &[u32])]) -> Vec<u8> {
    let (mut list, mut data) = (Vec::new(), Vec::new());
    let mut entry = |tag: u32, kind: u32, at: usize, count: usize| {
        for number in [tag, kind, at as u32, count as u32] {
            list.extend(number.to_be_bytes());
        }
    };
    for (tag, kind, all) in texts {
        entry(*tag, *kind, data.len(), all.len());
        all.iter().for_each(|text| data.extend([text.as_bytes(), &[0]].concat()));
    }
    for (tag, all) in numbers {
        entry(*tag, 4, data.len(), all.len());
        all.iter().for_each(|number| data.extend(number.to_be_bytes()));
    }
    let mut bytes = vec![0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0];
    bytes.extend(((list.len() / 16) as u32).to_be_bytes());
    bytes.extend((data.len() as u32).to_be_bytes());
    [bytes, list, data].concat()
}

fn rpm_of(header_of: &[u8]) -> Vec<u8> {
    let mut file = vec![0xed, 0xab, 0xee, 0xdb];
    file.resize(96, 0);
    file.extend(header(&[], &[]));
    file.extend(header_of);
    file.extend(b"payload");
    file
}

fn names() -> Vec<(u32, u32, &'static [&'static str])> {
    vec![
        (1000, 6, &["a"]),
        (1001, 6, &["1"]),
        (1002, 6, &["2"]),
        (1022, 6, &["noarch"]),
        (1044, 6, &["a.src.rpm"]),
    ]
}

fn read(bytes: &[u8]) -> Result<repo::Facts, Malformed> {
    repo::read(bytes, bytes.len() as u64)
}

#[test]
fn good_ones_are_read() {
    let deb = read(&deb_with(CONTROL)).unwrap();
    assert_eq!(
        (deb.name.as_str(), deb.depends.as_slice()),
        ("a", &["b (>= 2)".to_owned(), "c".to_owned()][..])
    );
    let rpm = read(&rpm_of(&header(&names(), &[(1003, &[7])]))).unwrap();
    assert_eq!((rpm.version.as_str(), rpm.file_name().as_str()), ("7:1-2", "a-1-2.noarch.rpm"));
    for (file, wanted) in [(tar(&[("x", b"y")]), "tar"), (gz(&tar(&[("x", b"y")])), "tar.gz")] {
        let Detail::Archive { kind } = read(&file).unwrap().detail else { panic!() };
        assert_eq!(kind, wanted);
    }
}

#[test]
fn names_cannot_leave_their_place() {
    for control in [
        "Package: ../a\nVersion: 1\nArchitecture: all\n",
        "Package: a/b\nVersion: 1\nArchitecture: all\n",
        "Package: a\nVersion: 1/..\nArchitecture: all\n",
        "Package: a\nVersion: 1\nArchitecture: ../x\n",
        "Package: -a\nVersion: 1\nArchitecture: all\n",
        "Package: \nVersion: 1\nArchitecture: all\n",
        "Package: a b\nVersion: 1\nArchitecture: all\n",
        "Package: a\n\nPackage: evil\nVersion: 1\nArchitecture: all\n",
        "Version: 1\nArchitecture: all\n",
    ] {
        assert!(read(&deb_with(control.as_bytes())).is_err(), "{control}");
    }
    for (tag, text) in
        [(1000, "../a"), (1000, ""), (1001, "1-2"), (1001, "1:2"), (1002, "1/2"), (1022, "a/b")]
    {
        let mut texts = names();
        let text: &'static [&'static str] = Box::leak(Box::new([text]));
        texts.retain(|(known, ..)| *known != tag);
        texts.push((tag, 6, text));
        assert!(read(&rpm_of(&header(&texts, &[]))).is_err(), "{tag} {text:?}");
    }
}

/// Gives zeros without end, and counts how many were taken.
struct Endless<'a>(&'a mut u64);

impl Read for Endless<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        into.fill(0);
        *self.0 += into.len() as u64;
        Ok(into.len())
    }
}

#[test]
fn what_unpacks_to_much_is_given_up() {
    // 64 MiB of zeros before the control file, packed to a few KiB.
    let mut plain = tar(&[("./padding", &vec![0; 64 << 20])]);
    plain.truncate(plain.len() - 1024);
    plain.extend(tar(&[("./control", CONTROL)]));
    let bomb = ar(&[("debian-binary", b"2.0\n"), ("control.tar.gz", &gz(&plain)), ("data.tar", b"")]);
    assert!(bomb.len() < 1 << 20);
    assert!(read(&bomb).is_err());
    // A control file that is too large by its header, and one by its name's length.
    assert!(matches!(read(&deb_with(&vec![b'#'; 1 << 20])), Err(Malformed::TooLarge(_))));
    // Headers that claim more than there is.
    for (at, value) in [(8, u32::MAX), (12, u32::MAX), (8, 4097), (12, (16 << 20) + 1)] {
        let mut header = header(&names(), &[]);
        header[at..at + 4].copy_from_slice(&value.to_be_bytes());
        assert!(read(&rpm_of(&header)).is_err());
    }
    // A file without end is read as far as its headers say.
    let mut taken = 0;
    let file = rpm_of(&header(&names(), &[]));
    repo::read(file.chain(Endless(&mut taken)), u64::MAX).unwrap();
    assert!(taken < 1 << 20, "{taken}");
}

#[test]
fn lists_of_an_rpm_are_held_to_their_data() {
    for (tag, kind) in [(1117, 8), (1047, 8), (1049, 8), (1081, 8), (1116, 4), (1028, 4), (1030, 3)] {
        for count in [1_u32, 2, 1000, 200_001, u32::MAX] {
            for at in [0_u32, 5, 1000, u32::MAX] {
                let mut one = header(&names(), &[(tag, &[9, 9])]);
                let entry = 16 + 16 * names().len();
                one[entry + 4..entry + 8].copy_from_slice(&(kind as u32).to_be_bytes());
                one[entry + 8..entry + 12].copy_from_slice(&at.to_be_bytes());
                one[entry + 12..entry + 16].copy_from_slice(&count.to_be_bytes());
                let _ = read(&rpm_of(&one)); // no panic, no memory
            }
        }
    }
    // One long folder, told of by many files.
    let folder: &'static str = Box::leak("/x".repeat(4000).into_boxed_str());
    let files: &'static [&'static str] = vec!["f"; 20_000].leak();
    let mut texts = names();
    texts.extend([(1117, 8, files), (1118, 8, &*Box::leak(Box::new([folder])))]);
    let places = vec![0; 20_000];
    assert!(matches!(read(&rpm_of(&header(&texts, &[(1116, &places)]))), Err(Malformed::TooLarge(_))));
}

/// One text of 8 MiB, told of by every list there is, and with three bytes made of each of its own.
#[test]
fn what_is_told_of_many_times_is_made_once() {
    let lists = [1047, 1049, 1054, 1090, 5046, 5049, 5052, 5055, 1112, 1050, 1055, 1115, 1117, 1118, 1081];
    let mut one = header(&names(), &lists.map(|tag| (tag, &[0_u32][..])));
    let data = u32::from_be_bytes(one[12..16].try_into().unwrap());
    one.extend(vec![0xff; 8 << 20]);
    one.push(0);
    one[12..16].copy_from_slice(&(data + (8 << 20) + 1).to_be_bytes());
    for at in 0..lists.len() {
        let entry = 16 + 16 * (names().len() + at);
        one[entry + 4..entry + 8].copy_from_slice(&8_u32.to_be_bytes());
        one[entry + 8..entry + 12].copy_from_slice(&data.to_be_bytes());
    }
    assert!(matches!(read(&rpm_of(&one)), Err(Malformed::TooLarge(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes(magic in 0_usize..8, rest: Vec<u8>) {
        let magics: [&[u8]; 8] = [b"", b"!<arch>\n", &[0xed, 0xab, 0xee, 0xdb], &[0x1f, 0x8b, 8],
            &[0xfd, b'7', b'z', b'X', b'Z', 0], &[0x28, 0xb5, 0x2f, 0xfd], b"PK\x03\x04", b"BZh9"];
        let _ = read(&[magics[magic], &rest].concat());
    }

    #[test]
    fn damaged_ones(is_deb: bool, hits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), cut: prop::sample::Index) {
        let mut texts = names();
        texts.extend([(1117, 8, &["b", "c"] as &[&str]), (1118, 8, &["/x/"]), (1049, 8, &["d"])]);
        let good = if is_deb { deb_with(CONTROL) } else { rpm_of(&header(&texts, &[(1116, &[0, 0]), (1048, &[8])])) };
        let mut bytes = good;
        for (at, value) in hits {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = read(&bytes);
        let cut = cut.index(bytes.len());
        let _ = read(&bytes[..cut]);
    }
}

#[test]
fn what_fuzzing_found_stays_found() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/package");
    let files = std::fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path());
    let good = files.filter(|file| read(&std::fs::read(file).unwrap()).is_ok()).count();
    assert!(good >= 5, "the corpus is there");
}
