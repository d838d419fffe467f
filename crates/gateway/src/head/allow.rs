//! Which paths and methods there are.

use model::gateway::Door;

use super::{Method, Refusal};

/// Who answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    Repository,
    /// The instance's own orders, and what it says of them.
    Orders,
    Metadata,
}

/// The repository's read paths: below these, and these themselves.
const FOLDERS: [&str; 4] = ["/archive/", "/deb/", "/rpm/", "/setup/"];
const FILES: [&str; 2] = ["/key.asc", "/key.gpg"];

/// `None`: a method that nobody here understands.
pub(super) fn way(door: Door, method: Option<Method>, path: &str, query: &str) -> Result<Way, Refusal> {
    let reads = matches!(method, Some(Method::Get | Method::Head));
    let read = |way| match (reads, query.is_empty()) {
        (false, _) => Err(Refusal::Method),
        (true, false) => Err(Refusal::Query),
        (true, true) => Ok(way),
    };
    match door {
        Door::Software if path == "/orders" => {
            if method == Some(Method::Get) {
                Ok(Way::Orders)
            } else {
                Err(Refusal::Method)
            }
        }
        Door::Software if path.strip_prefix("/orders/").is_some_and(is_order) => match method {
            Some(Method::Post) if query.is_empty() => Ok(Way::Orders),
            Some(Method::Post) => Err(Refusal::Query),
            _ => Err(Refusal::MethodOfOrder),
        },
        Door::Software if FILES.contains(&path) || FOLDERS.iter().any(|folder| path.starts_with(folder)) => {
            read(Way::Repository)
        }
        Door::Metadata if is_metadata(path) => read(Way::Metadata),
        Door::Software | Door::Metadata => Err(Refusal::NotFound),
    }
}

fn is_order(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// `/`, `/openstack...`, and EC2's versions.
fn is_metadata(path: &str) -> bool {
    let first = path[1..].split('/').next().unwrap_or_default();
    let dated = first.len() == 10 && first.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    matches!(first, "" | "openstack" | "latest" | "1.0") || dated
}
