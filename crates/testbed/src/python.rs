//! Where `scripts/install-packages test` put the Python programs that tests are judged by.

use std::path::PathBuf;

/// A program of the environment, such as `openstack`.
pub fn program(name: &str) -> PathBuf {
    bin().join(name)
}

/// The folder that outlives test runs.
pub fn cache() -> PathBuf {
    let cache = bin().parent().and_then(|venv| venv.parent()).map(PathBuf::from);
    cache.unwrap_or_else(std::env::temp_dir)
}

fn bin() -> PathBuf {
    if let Some(path) = std::env::var_os("NEUTRINO_OPENSTACK").map(PathBuf::from) {
        return path.parent().map(PathBuf::from).unwrap_or_default();
    }
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = folder("NEUTRINO_CACHE")
        .or_else(|| folder("XDG_CACHE_HOME").map(|cache| cache.join("neutrino")))
        .or_else(|| folder("HOME").map(|home| home.join(".cache/neutrino")));
    cache.unwrap_or_default().join("venv/bin")
}
