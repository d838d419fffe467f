//! What an instance may know of itself: built in, or asked of a service such as Nova's, which trusts our
//! signature.
//!
//! `document`: the paths and what is said there. Pure.

mod document;

use std::sync::Arc;

use model::PortId;
use model::gateway::Port;
use ring::hmac;

use super::link::Asked;
use super::origin::Origin;
use super::out::Out;
use super::{Shared, repository};

/// A metadata service elsewhere.
pub(super) struct Nova {
    origin: Origin,
    key: hmac::Key,
}

impl Nova {
    pub fn new(origin: Origin, secret: &str) -> Nova {
        Nova { origin, key: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()) }
    }

    /// Lines that say who asks: those of the request, and what the service knows them by.
    fn lines(&self, lines: &str, port: &Port) -> String {
        use std::fmt::Write;
        let mut signed = String::new();
        for byte in hmac::sign(&self.key, port.instance.as_bytes()).as_ref() {
            let _ = write!(signed, "{byte:02x}");
        }
        format!(
            "{lines}X-Instance-ID: {}\r\nX-Tenant-ID: {}\r\nX-Instance-ID-Signature: {signed}\r\n",
            port.instance, port.project
        )
    }
}

pub(super) async fn answer(
    asked: &Asked,
    path: &str,
    lines: &str,
    out: &mut Out,
    shared: &Arc<Shared>,
) -> (u16, bool, bool) {
    let Some(port) = find(shared, asked.who.port) else {
        return out
            .say(asked, 503, "Retry-After: 5\r\n", "the gateway was not told of this port yet\n")
            .await;
    };
    if let Some(nova) = &shared.nova {
        let request = nova.origin.request(asked.method, path, &nova.lines(lines, &port));
        return repository::answer(asked, &nova.origin, &request, out, shared).await;
    }
    match document::find(path, &port) {
        Some((kind, text)) => out.whole(asked, kind, text.as_bytes()).await,
        None => out.say(asked, 404, "", "nothing is here\n").await,
    }
}

fn find(shared: &Shared, id: PortId) -> Option<Port> {
    let told = shared.told();
    told.networks.get(told.ports.get(&id)?)?.port(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_that_nova_makes() {
        // As `hmac.new(b'...', b'i', hashlib.sha256).hexdigest()` says it.
        let nova =
            Nova::new(Origin::new("it", "127.0.0.1:1", &crate::Management::default()), "0123456789abcdef");
        let port: Port = serde_json::from_str(
            r#"{"id": "00000000-0000-0000-0000-000000000002", "project": "p", "instance": "i", "addresses": []}"#,
        )
        .expect("reads");
        let lines = nova.lines("a: b\r\n", &port);
        let signed = "a97cd6043b9da5e04df89cffe687f2f7803cb2e05aaa5fb813143e43399e86d2";
        assert_eq!(
            lines,
            format!("a: b\r\nX-Instance-ID: i\r\nX-Tenant-ID: p\r\nX-Instance-ID-Signature: {signed}\r\n")
        );
    }
}
