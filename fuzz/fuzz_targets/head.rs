//! What an instance, the repository, or the other gateway may send: heads of requests and answers, chunks,
//! messages between the gateways.
#![no_main]

use gateway::head::answer::{self, Chunks};
use gateway::head::{Method, end_of_head, judge};
use gateway::link::{read_done, read_to_management};
use model::gateway::Door;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for door in [Door::Software, Door::Metadata] {
        let Ok(Some(end)) = end_of_head(bytes, 0) else { continue };
        let Ok(judged) = judge(&bytes[..end], door) else { continue };
        assert!(judged.path.starts_with('/') && !judged.path.contains("//") && !judged.path.contains("/../"));
        assert!(judged.path.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\?#".contains(&byte)));
        assert!(!judged.kept.contains("\r\n\r\n") && (judged.kept.is_empty() || judged.kept.ends_with("\r\n")));
        // What goes on says the same to the next who reads it.
        let again = format!("GET {} HTTP/1.1\r\nHost: x\r\n{}\r\n", judged.path, judged.kept);
        if judged.method != Method::Post {
            let again = judge(again.as_bytes(), door).expect("it was judged");
            assert_eq!((again.path, again.kept, again.body), (judged.path, judged.kept, 0));
        }
    }
    for method in [Method::Get, Method::Head] {
        if let Ok(Some(answer)) = answer::read(bytes, method) {
            let mut head = Vec::new();
            answer.write(&mut head, method, true, true, false);
            let written = answer::read(&head, method).expect("it was read").expect("it is whole");
            assert_eq!((written.status, written.head), (answer.status, head.len()));
        }
    }
    let _ = Chunks::default().take(bytes, |_| {});
    let _ = (read_to_management(bytes), read_done(bytes));
});
