//! What `neutrino demo` shows.
pub async fn run(_bind: std::net::SocketAddr, _once: bool) -> anyhow::Result<bool> { Ok(true) }
