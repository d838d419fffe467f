//! An order's words, checked: they become paths and arguments of programs.

use std::path::{Path, PathBuf};

use model::software::{Order, Ordered, PACKAGES};
use repo::facts::{is_architecture, is_name, is_version};
use repo::{Format, Sha256};

use super::failure::Failure;
use crate::install::Item;

/// Files of an order, each to come to a place of its own below a folder.
pub fn plan(order: &Order, files: &Path) -> Result<Vec<Item>, Failure> {
    if !(1..=PACKAGES).contains(&order.packages.len()) {
        return Err(Failure::Packages);
    }
    order.packages.iter().map(|ordered| item(ordered, files)).collect()
}

fn item(ordered: &Ordered, files: &Path) -> Result<Item, Failure> {
    let refused = |what| Failure::Package(ordered.name.chars().take(80).collect(), what);
    let format = match ordered.format.as_str() {
        "deb" => Format::Deb,
        "rpm" => Format::Rpm,
        "archive" => Format::Archive,
        _ => return Err(refused("format")),
    };
    // Names of programs' options begin with a dash, which none of these may.
    let checks = [
        ("name", is_name(&ordered.name)),
        ("version", is_version(&ordered.version)),
        ("architecture", ordered.architecture.is_empty() || is_architecture(&ordered.architecture)),
        ("file", is_file(&ordered.file) && ends_well(format, &ordered.file)),
    ];
    if let Some((what, _)) = checks.iter().find(|(_, fits)| !fits) {
        return Err(refused(what));
    }
    let sum: Sha256 = ordered.sha256.parse().map_err(|_| refused("sum"))?;
    let file = folder_of(files, &sum).join(&ordered.file);
    Ok(Item { format, ordered: ordered.clone(), sum, file })
}

/// Where a file of a sum is.
pub fn folder_of(files: &Path, sum: &Sha256) -> PathBuf {
    files.join(sum.to_string())
}

fn is_file(text: &str) -> bool {
    let first = text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
    first
        && text.len() <= 200
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-._~^:".contains(&byte))
}

/// Installers look at what a name ends with.
fn ends_well(format: Format, file: &str) -> bool {
    match format {
        Format::Deb => file.ends_with(".deb"),
        Format::Rpm => file.ends_with(".rpm"),
        Format::Archive => !file.ends_with(".part"),
    }
}

/// The folder of the repository that has the file and its signed sums.
pub fn folder_in_repository(ordered: &Ordered) -> String {
    format!("/archive/{}/{}", spelt(&ordered.name), spelt(&ordered.version))
}

/// As a path has it.
pub fn spelt(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let letter = |byte: u8| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use model::SoftwareOrderId;
    use uuid::Uuid;

    use super::*;

    fn ordered() -> Ordered {
        Ordered {
            format: "deb".into(),
            name: "a-tool".into(),
            version: "1:2.0~rc1+b-3".into(),
            architecture: "amd64".into(),
            file: "a-tool_2.0~rc1+b-3_amd64.deb".into(),
            sha256: "ab".repeat(32),
            size_bytes: 5,
        }
    }

    fn of(packages: Vec<Ordered>) -> Order {
        Order { id: SoftwareOrderId(Uuid::from_u128(1)), attempt: 0, cancelled: false, packages }
    }

    #[test]
    fn words_become_paths() {
        let items = plan(&of(vec![ordered()]), Path::new("/s")).unwrap();
        let sum = "ab".repeat(32);
        assert_eq!(items[0].file, PathBuf::from(format!("/s/{sum}/a-tool_2.0~rc1+b-3_amd64.deb")));
        assert_eq!(folder_in_repository(&ordered()), "/archive/a-tool/1%3A2.0~rc1%2Bb-3");
    }

    #[test]
    fn words_that_lead_elsewhere_are_refused() {
        let with = |change: fn(&mut Ordered)| {
            let mut ordered = ordered();
            change(&mut ordered);
            plan(&of(vec![ordered]), Path::new("/s")).map(|_| ()).unwrap_err().to_string()
        };
        for (what, said) in [
            ("name", with(|one| one.name = "../x".into())),
            ("name", with(|one| one.name = "--root=/".into())),
            ("version", with(|one| one.version = "..".into())),
            ("version", with(|one| one.version = String::new())),
            ("architecture", with(|one| one.architecture = "a/b".into())),
            ("file", with(|one| one.file = "../x.deb".into())),
            ("file", with(|one| one.file = "x/y.deb".into())),
            ("file", with(|one| one.file = ".deb".into())),
            ("file", with(|one| one.file = "-x.deb".into())),
            ("file", with(|one| one.file = "x.rpm".into())),
            ("sum", with(|one| one.sha256 = "AB".repeat(32))),
            ("format", with(|one| one.format = "snap".into())),
        ] {
            assert!(said.contains(&format!("its {what} is")), "{what}: {said}");
        }
        for count in [0, PACKAGES + 1] {
            assert!(matches!(plan(&of(vec![ordered(); count]), Path::new("/s")), Err(Failure::Packages)));
        }
    }
}
