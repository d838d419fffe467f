//! An upload whose request is given up in the middle.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::*;
use crate::store::Store;

/// The body of a request that says it has so many bytes, and brings these; while the other end is kept, more may
/// come.
async fn body(says: usize, bytes: &[u8]) -> (Incoming, DuplexStream) {
    let (mut client, server) = duplex(64 << 10);
    let (bodies, mut body) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let _ = bodies.send(request.into_body());
            // Whoever waits for an answer waits for ever.
            std::future::pending::<Result<hyper::Response<Empty<Bytes>>, Infallible>>()
        });
        let _ =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(server), service).await;
    });
    let head = format!("PATCH / HTTP/1.1\r\nhost: x\r\ncontent-length: {says}\r\n\r\n");
    client.write_all(&[head.as_bytes(), bytes].concat()).await.expect("is sent");
    (body.recv().await.expect("a request"), client)
}

#[tokio::test]
async fn who_is_given_up_meanwhile_leaves_no_sum_of_bytes_that_are_not_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let settings = Settings {
        bind: any,
        read_bind: any,
        secret_file: PathBuf::new(),
        gateway_secret_file: PathBuf::new(),
        folder: folder.path().to_owned(),
        address: String::new(),
        architectures: Vec::new(),
        max_file_bytes: 1 << 20,
        max_uploads: 4,
        min_free_bytes: 0,
        upload_idle_s: 3600,
        shared_on_shelves: false,
        s3: None,
    };
    let blobs = Blobs::new(Arc::new(Store::open(&settings).await.expect("opens")));
    let uploads = Uploads::open(&settings).await.expect("opens");
    let file = [&b"PK\x05\x06"[..], &[0; 18]].concat();
    let id =
        uploads.begin(Claim { sha256: Some(Sha256::of(&file)), ..Claim::default() }).await.expect("begins");
    // As many bytes as the file has, and others: the request goes on, and is given up.
    let (mut other, _kept) = body(file.len() + 1, &vec![b'x'; file.len()]).await;
    let given_up = timeout(Duration::from_millis(500), uploads.append(id, 0, &mut other)).await;
    assert!(given_up.is_err(), "it is still under way");
    assert_eq!(uploads.offset(id).await.expect("is known"), 0, "nothing of it is on disk");
    let (mut whole, _kept) = body(file.len(), &file).await;
    uploads.append(id, 0, &mut whole).await.expect("is added");
    let (sum, _) = uploads.finish(id, &blobs).await.expect("it is the file that was meant");
    assert_eq!(sum, Sha256::of(&file));
}
