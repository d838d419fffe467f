use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::answer::{Body, Chunks, read};
use super::*;

/// Judges as a connection does: whole, or byte by byte.
fn judged(bytes: &[u8], door: Door) -> Option<Result<Judged, Refusal>> {
    match end_of_head(bytes, 0) {
        Ok(Some(end)) => Some(judge(&bytes[..end], door)),
        Ok(None) if bytes.len() > MAX_HEAD => Some(Err(Refusal::TooLarge)),
        Ok(None) => None,
        Err(refusal) => Some(Err(refusal)),
    }
}

fn software(text: &str) -> Result<Judged, Refusal> {
    judged(text.as_bytes(), Door::Software).expect("a whole head")
}

fn get(target: &str) -> Result<Judged, Refusal> {
    software(&format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"))
}

#[test]
fn what_clients_ask_goes_on() {
    let apt = software(
        "GET /deb/pool/a/app_1.0~rc1+b2-1_amd64.deb HTTP/1.1\r\nHost: 169.254.169.254:8080\r\n\
         User-Agent: Debian APT-HTTP/1.3 (2.6.1)\r\nAccept: text/*\r\nRange: bytes=5-\r\nIf-Range: \"e\"\r\n\r\n",
    )
    .expect("goes on");
    assert_eq!((apt.way, apt.method, apt.stays, apt.body), (Way::Repository, Method::Get, true, 0));
    assert_eq!(apt.path, "/deb/pool/a/app_1.0~rc1+b2-1_amd64.deb");
    assert_eq!(apt.kept, "user-agent: Debian APT-HTTP/1.3 (2.6.1)\r\nrange: bytes=5-\r\nif-range: \"e\"\r\n");
    let order =
        software("POST /orders/7-a HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n").expect("goes on");
    assert_eq!((order.way, order.body), (Way::Orders, 12));
    assert_eq!(get("/orders?after=3").expect("goes on").query, "after=3");
    let old = software("GET /key.asc HTTP/1.0\r\n\r\n").expect("goes on");
    assert!(old.old && !old.stays);
    for (path, way) in [("/", Way::Metadata), ("/openstack/latest/meta_data.json", Way::Metadata)] {
        let head = format!("GET {path} HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n");
        assert_eq!(judged(head.as_bytes(), Door::Metadata).expect("whole").expect("goes on").way, way);
    }
}

#[test]
fn who_asks_is_not_for_the_client_to_say() {
    let head = "GET /key.asc HTTP/1.1\r\nHost: x\r\nX-Neutrino-Project: other\r\nx-neutrino-port: 1\r\n\
        X-Forwarded-For: 10.0.0.1\r\nForwarded: for=1\r\nX-Instance-ID: 5\r\nX-Tenant-ID: 6\r\n\
        Authorization: Basic eA==\r\nCookie: a=b\r\nConnection: X-Neutrino-Project\r\nUpgrade: h2c\r\n\
        HTTP2-Settings: AAA\r\nTE: trailers\r\n\r\n";
    assert_eq!(software(head).expect("goes on").kept, "");
}

#[test]
fn paths_have_one_spelling() {
    for (asked, normal) in [
        ("/deb/%70ool/x", "/deb/pool/x"),
        ("/rpm/a%5E1", "/rpm/a%5E1"),
        ("/rpm/a%5e1", "/rpm/a%5E1"),
        ("/deb/a%2Bb", "/deb/a+b"),
        ("/deb/", "/deb/"),
    ] {
        assert_eq!(get(asked).expect(asked).path, normal);
    }
    for asked in [
        "/deb/../x",
        "/deb/..",
        "/deb/%2e%2e/x",
        "/deb/.%2E/x",
        "/deb/./x",
        "/deb//x",
        "//deb/x",
        "/deb/%2fx",
        "/deb/%2Fx",
        "/deb/a%2Fb",
        "/deb/\\x",
        "/deb/%5cx",
        "/deb/%00",
        "/deb/%252e",
        "/deb/%",
        "/deb/%4",
        "/deb/%zz",
        "/deb/%c0%ae",
        "/deb/x;y",
        "/deb/x#y",
        "/deb/a^b",
        "/deb/%0d%0aX",
        "/deb/%20",
        "/deb/\u{e9}",
        "/deb/<x",
    ] {
        assert!(matches!(get(asked), Err(Refusal::Path)), "{asked}: {:?}", get(asked));
    }
    for asked in ["http://10.0.0.1/deb/x", "http:/deb/x", "*", "10.0.0.1:80", "deb/x", ""] {
        assert!(matches!(get(asked), Err(Refusal::Target | Refusal::Line)), "{asked}: {:?}", get(asked));
    }
    for asked in ["/deb/x?y", "/key.asc?", "/orders?after=%31", "/orders?a?b", "/deb/?a=/"] {
        let allowed = asked == "/key.asc?"; // An empty query says nothing.
        assert_eq!(get(asked).is_ok(), allowed, "{asked}");
    }
}

#[test]
fn there_is_nothing_but_what_is_on_the_list() {
    for asked in
        ["/", "/publication", "/uploads", "/blobs/x", "/debx", "/deb", "/key.asc/", "/orders/", "/DEB/x"]
    {
        assert_eq!(get(asked), Err(Refusal::NotFound), "{asked}");
    }
    assert_eq!(get("/latest/meta-data/"), Err(Refusal::NotFound));
    for method in ["PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PRI", "get", "POST"] {
        let head = format!("{method} /deb/x HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(software(&head), Err(Refusal::Method), "{method}");
    }
    assert_eq!(get("/orders/5"), Err(Refusal::MethodOfOrder));
    let metadata = judged(b"GET /deb/x HTTP/1.1\r\nHost: x\r\n\r\n", Door::Metadata).expect("whole");
    assert_eq!(metadata, Err(Refusal::NotFound));
}

/// Requests that two readers might cut differently: each is refused, and the connection with it.
#[test]
fn nothing_is_smuggled() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/head");
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("the corpus").flatten() {
        let (name, bytes) =
            (entry.file_name().into_string().expect("text"), fs::read(entry.path()).expect("reads"));
        let outcome = judged(&bytes, Door::Software);
        match name.split('_').next() {
            Some("good") => assert!(matches!(outcome, Some(Ok(_))), "{name}: {outcome:?}"),
            Some("bad") => assert!(matches!(outcome, Some(Err(_))), "{name}: {outcome:?}"),
            Some("half") => assert!(outcome.is_none(), "{name}: {outcome:?}"),
            // Found by fuzzing: it is enough that it ends.
            _ => {}
        }
        count += 1;
    }
    assert!(count >= 40, "only {count} cases are there");
}

#[test]
fn every_no_has_a_status_and_a_sentence() {
    let text = String::from_utf8(Refusal::Away.answer(false, true)).expect("text");
    assert!(
        text.starts_with("HTTP/1.1 503 Service Unavailable\r\n") && text.contains("Retry-After: 2\r\n"),
        "{text}"
    );
    let bare = String::from_utf8(Refusal::NotFound.answer(true, false)).expect("text");
    assert!(bare.ends_with("Content-Length: 16\r\nConnection: close\r\n\r\n"), "{bare}");
}

#[test]
fn answers_of_the_repository() {
    let text = b"HTTP/1.1 206 Partial Content\r\nServer: r\r\nContent-Length: 5\r\nETag: \"e\"\r\nConnection: close\r\n\r\nhello";
    let answer = read(text, Method::Get).expect("read").expect("whole");
    assert_eq!((answer.status, answer.body, answer.stays), (206, Body::Bytes(5), false));
    let mut head = Vec::new();
    answer.write(&mut head, Method::Get, false, true, false);
    let kept = "HTTP/1.1 206 Partial Content\r\nServer: r\r\nETag: \"e\"\r\nContent-Length: 5\r\n\r\n";
    assert_eq!(String::from_utf8(head).expect("text"), kept);
    assert_eq!(read(text, Method::Head).expect("read").expect("whole").body, Body::Bytes(0));
    for broken in [
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 1\n\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    ] {
        assert!(read(broken.as_bytes(), Method::Get).is_err(), "{broken}");
    }
    assert_eq!(read(b"HTTP/1.1 200 OK\r\n", Method::Get), Ok(None));
}

#[test]
fn chunks_end_where_they_end() {
    let text = b"5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nA: b\r\n\r\nHTTP/1.1";
    for step in 1..text.len() {
        let (mut chunks, mut said, mut taken) = (Chunks::default(), Vec::new(), 0);
        for part in text.chunks(step) {
            let now = chunks.take(part, |data| said.extend_from_slice(data)).expect("good");
            taken += now;
            if now < part.len() {
                break;
            }
        }
        assert!(chunks.is_done() && said == b"hello!", "{step}");
        assert_eq!(taken, text.len() - b"HTTP/1.1".len());
    }
    for broken in ["\r\n", "g\r\n", "5\nhello", "1\r\nab\r\n", "ffffffffffffffff\r\n", "0\r\n\n"] {
        assert!(Chunks::default().take(broken.as_bytes(), |_| {}).is_err(), "{broken}");
    }
}

proptest! {
    /// What goes on would be judged the same again, and cannot say more than one line.
    #[test]
    fn what_goes_on_is_plain(bytes in proptest::collection::vec(any::<u8>(), 0..300), door in 0..2) {
        let door = if door == 0 { Door::Software } else { Door::Metadata };
        if let Some(Ok(judged)) = judged(&bytes, door) {
            plain(&judged, door);
        }
    }

    #[test]
    fn any_path_that_goes_on_is_plain(path in "(/(deb|rpm|%2e|[.%a-f0-9/\\\\]{1,6}))/[ -~]{0,20}") {
        if let Ok(judged) = get(&path) {
            plain(&judged, Door::Software);
        }
    }

    #[test]
    fn a_head_in_pieces_is_the_same_head(at in 0usize..60, more in 0usize..20) {
        let bytes = b"GET /deb/x HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\n\r\nGET /deb/y HTTP/1.1\r\n";
        let whole = end_of_head(bytes, 0);
        let at = at.min(bytes.len());
        let found = match end_of_head(&bytes[..at], 0) {
            Ok(None) => match end_of_head(&bytes[..(at + more).min(bytes.len())], at) {
                Ok(None) => end_of_head(bytes, (at + more).min(bytes.len())),
                other => other,
            },
            other => other,
        };
        prop_assert_eq!(found, whole);
    }
}

fn plain(judged: &Judged, door: Door) {
    assert!(judged.path.starts_with('/') && !judged.path.contains("//") && !judged.path.contains("/../"));
    assert!(
        judged.path.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\?#".contains(&byte)),
        "{judged:?}"
    );
    let fine = |byte: u8| byte.is_ascii_graphic() || b" \t\r\n".contains(&byte);
    assert!(judged.kept.bytes().all(fine) && !judged.kept.contains("\r\n\r\n"), "{judged:?}");
    assert_eq!(judged.kept.matches('\n').count(), judged.kept.matches("\r\n").count());
    let again =
        format!("{} {} HTTP/1.1\r\nHost: x\r\n{}\r\n", judged.method.name(), judged.path, judged.kept);
    if judged.way != Way::Orders {
        let again = super::judge(again.as_bytes(), door).expect("goes on again");
        assert_eq!((again.path, again.kept), (judged.path.clone(), judged.kept.clone()));
    }
}
