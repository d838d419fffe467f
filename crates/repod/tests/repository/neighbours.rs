//! What dpkg, rpm, gpg and sha256sum say, against what the pure crate says.

use std::cmp::Ordering;
use std::fmt::Write;

use repo::sign::{Key, clearsign, detached, public_text};
use repo::version::{compare_deb, compare_rpm};

use super::dnf::rpm;
use super::place::{deb, output, run};

/// Numbers that look like chance and are the same each time.
fn draw(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

/// Versions of few letters, so that pairs of them are near each other.
fn versions(letters: &[&str], number: usize) -> Vec<String> {
    let mut seed = 0x9e37_79b9_7f4a_7c15;
    let one = |seed: &mut u64| {
        let length = 1 + draw(seed) % 6;
        (0..length).fold("1".to_owned(), |text, _| text + letters[draw(seed) as usize % letters.len()])
    };
    (0..number).map(|_| one(&mut seed)).collect()
}

fn said(order: Ordering) -> &'static str {
    match order {
        Ordering::Less => "lt",
        Ordering::Equal => "eq",
        Ordering::Greater => "gt",
    }
}

#[test]
fn versions_are_ordered_as_dpkg_does() {
    let all = versions(&["0", "1", "9", "a", "z", "A", ".", "+", "~", "-1", "00"], 600);
    let mut script = String::new();
    for pair in all.chunks_exact(2) {
        let order = said(compare_deb(&pair[0], &pair[1]));
        let _ = writeln!(
            script,
            "dpkg --compare-versions '{}' {order} '{}' || echo '{0} {order} {1}'",
            pair[0], pair[1]
        );
    }
    assert_eq!(run("sh", &["-c", &script]), "");
}

#[test]
fn versions_are_ordered_as_rpm_does() {
    let all = versions(&["0", "1", "9", "a", "z", "A", ".", "+", "~", "^", "00", "_"], 2000);
    let mut script = String::new();
    for pair in all.chunks_exact(2) {
        let (left, right) = (&pair[0], &pair[1]);
        let order = compare_rpm(&format!("{left}-1"), &format!("{right}-1")) as i8;
        let _ = writeln!(
            script,
            "if rpm.vercmp('{left}', '{right}') ~= {order} then print('{left} {order} {right}') end"
        );
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("compare.lua");
    std::fs::write(&file, script).expect("writes");
    let dofile = format!("%{{lua: dofile('{}')}}", file.display());
    assert_eq!(run("rpm", &["--eval", &dofile]).trim(), "");
}

#[test]
fn gpg_takes_the_key_and_its_signatures() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let keys: Vec<Key> =
        (0..3_u32).map(|seed| Key::new(&[seed as u8; 32], 1_700_000_000 + seed, "somebody")).collect();
    let home = path("home");
    std::fs::create_dir(&home).expect("a folder");
    run("chmod", &["700", &home]);
    let text = "Origin: x\n\n- a line with a dash\nwith blanks \t\nFrom: ü\nlast";
    for (seed, key) in keys.iter().enumerate() {
        std::fs::write(path("key.asc"), public_text([&key.public].into_iter())).expect("writes");
        run("gpg", &["--homedir", &home, "--batch", "--import", &path("key.asc")]);
        let listed = run("gpg", &["--homedir", &home, "--batch", "--with-colons", "--list-keys"]);
        assert!(listed.contains(&key.public.id.to_string()), "{seed}: {listed}");
        let ring = path("ring.gpg");
        std::fs::write(&ring, &key.public.bytes).expect("writes");
        // All keys sign: whoever knows one of them finds its signature.
        std::fs::write(path("signed"), clearsign(&keys, text, 1_800_000_000)).expect("writes");
        std::fs::write(path("file"), text).expect("writes");
        std::fs::write(path("file.asc"), detached(&keys, text.as_bytes(), 0)).expect("writes");
        let good = format!("VALIDSIG {} ", key.public.id);
        for files in [&[path("signed")][..], &[path("file.asc"), path("file")]] {
            let words = ["--keyring", &ring, "--status-fd", "1"].into_iter();
            let said = output("gpgv", &words.chain(files.iter().map(String::as_str)).collect::<Vec<_>>());
            let said = String::from_utf8_lossy(&said.stdout).into_owned();
            assert!(said.contains(&good) && !said.contains("BADSIG"), "{said}");
        }
        // Alone, it is all that is needed.
        let alone = &keys[seed..=seed];
        std::fs::write(path("signed"), clearsign(alone, text, 1_800_000_000)).expect("writes");
        let shown = run("gpgv", &["--keyring", &ring, "--output", "-", &path("signed")]);
        assert_eq!(shown.trim_end(), text.replace("with blanks \t", "with blanks"));
        std::fs::write(path("file.asc"), detached(alone, text.as_bytes(), 0)).expect("writes");
        run("gpgv", &["--keyring", &ring, &path("file.asc"), &path("file")]);
        std::fs::write(path("file"), format!("{text}.")).expect("writes");
        assert!(!output("gpgv", &["--keyring", &ring, &path("file.asc"), &path("file")]).status.success());
    }
}

#[test]
fn a_deb_says_what_dpkg_deb_says() {
    let folder = tempfile::tempdir().expect("a folder");
    for packing in ["xz", "gzip", "none", "zstd"] {
        let file = deb(folder.path(), "a-tool", "1:2.0~rc1-3", packing, b"content");
        let bytes = std::fs::read(&file).expect("reads");
        let facts =
            repo::read(&bytes[..], bytes.len() as u64).unwrap_or_else(|why| panic!("{packing}: {why}"));
        let repo::Detail::Deb { control } = &facts.detail else { panic!("{facts:?}") };
        for (name, value) in control {
            let theirs = run("dpkg-deb", &["--field", file.to_str().expect("text"), name]);
            assert_eq!(theirs.trim_end(), value, "{packing}: {name}");
        }
        assert_eq!((facts.name.as_str(), facts.version.as_str()), ("a-tool", "1:2.0~rc1-3"));
        assert_eq!(facts.file_name(), "a-tool_2.0~rc1-3_all.deb");
        // Cut anywhere, it is none: as long as a program would miss something of it.
        for cut in [0, 7, 8, 60, 68, 100, 132, bytes.len() / 2, bytes.len() - 2] {
            assert!(repo::read(&bytes[..cut], cut as u64).is_err(), "{packing}: cut to {cut}");
        }
    }
}

#[test]
fn an_rpm_says_what_rpm_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = rpm(folder.path(), "tool", "1.2^git3", "Epoch: 4");
    let bytes = std::fs::read(&file).expect("reads");
    let facts = repo::read(&bytes[..], bytes.len() as u64).expect("an rpm");
    let query = "%{NAME} %{EPOCH}:%{VERSION}-%{RELEASE} %{ARCH} %{SUMMARY}";
    let theirs = run("rpm", &["-qp", "--queryformat", query, file.to_str().expect("text")]);
    assert_eq!(format!("{} {} {} {}", facts.name, facts.version, facts.architecture, facts.summary), theirs);
    let repo::Detail::Rpm(rpm) = &facts.detail else { panic!("{facts:?}") };
    let theirs = run("rpm", &["-qpl", file.to_str().expect("text")]);
    assert_eq!(rpm.files.iter().map(|file| format!("{}\n", file.path)).collect::<String>(), theirs);
    for cut in [0, 3, 4, 95, 96, 111, 112, 200, rpm.header.0 as usize, rpm.header.1 as usize] {
        assert!(repo::read(&bytes[..cut], cut as u64).is_err(), "cut to {cut}");
    }
}
