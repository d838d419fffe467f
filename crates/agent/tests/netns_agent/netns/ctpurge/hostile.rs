//! Whoever connects: garbage, floods, strangers. It goes on serving, and stays small.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use kernel::conversation::Conversation;
use model::conversation::{Greeting, Question, Why};
use model::purge::{Answer, JobId, MAX_FRAME_BYTES, MAX_JOBS_PER_REQUEST, Place, Request, What};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

use super::bed::{Bed, job};

fn connect(bed: &Bed) -> UnixStream {
    let stream = UnixStream::connect(&bed.settings.socket).expect("connects");
    stream.set_read_timeout(Some(Duration::from_secs(15))).expect("a limit");
    stream
}

/// The next answer; `None` at the end.
fn heard(stream: &mut UnixStream) -> Option<Value> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).ok()?;
    let mut body = vec![0; u32::from_be_bytes(head) as usize];
    stream.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

fn say(stream: &mut UnixStream, message: &impl Serialize) {
    stream.write_all(&said(&serde_json::to_vec(message).expect("JSON"))).expect("writes");
}

fn greet(bed: &Bed) -> UnixStream {
    let mut stream = connect(bed);
    say(&mut stream, &Greeting::Hello { version: Request::VERSION });
    assert_eq!(heard(&mut stream), Some(json!({ "hello": { "version": Request::VERSION } })));
    stream
}

fn said(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_is_answered_and_changes_nothing() {
    let Some(bed) = Bed::new() else { return };
    let running = bed.start().await;
    tokio::task::block_in_place(|| {
        let deep = "[".repeat(100_000);
        let many = format!("{{\"submit\":{{\"jobs\":[{{\"id\":{}}}]}}}}", "\"x\",".repeat(1000));
        for (bytes, why) in [
            (said(b""), "unreadable"),
            (said(b"\xff\xfe\x00"), "unreadable"),
            (said(b"{}"), "unreadable"),
            (said(b"{\"format\":1}"), "unreadable"),
            (said(deep.as_bytes()), "unreadable"),
            (said(many.as_bytes()), "unreadable"),
            (
                said(b"{\"submit\":{\"jobs\":[{\"id\":\"6f1e3a52-8d0c-4b6e-9a53-0f1b2c3d4e5f\"}]}}"),
                "unreadable",
            ),
            (((MAX_FRAME_BYTES + 1) as u32).to_be_bytes().to_vec(), "unreadable"),
            (vec![0xff; 4], "unreadable"),
        ] {
            let mut stream = greet(&bed);
            let _ = stream.write_all(&bytes);
            let answer = heard(&mut stream).unwrap_or_default();
            assert_eq!(answer["refused"]["why"], why, "{answer}");
            assert_eq!(heard(&mut stream), None, "and that is the end");
        }
        // Torn in the middle of a message, and silence after it.
        let _ = greet(&bed).write_all(&said(b"{\"stats\"")[..7]);
        let mut early = connect(&bed);
        say(&mut early, &Request::Stats);
        assert_eq!(heard(&mut early).expect("an answer")["refused"]["why"], "version");
        let mut later = connect(&bed);
        say(&mut later, &Greeting::Hello { version: 2 });
        assert_eq!(heard(&mut later).expect("an answer")["refused"]["why"], "version");
    });
    let jobs = (0..=MAX_JOBS_PER_REQUEST).map(|_| job(&Place::Host, What::Zone(1))).collect();
    let mut conversation = Conversation::open(&bed.settings.socket).await.expect("is heard");
    let error = conversation.ask(&Request::Submit { jobs }).await.expect_err("too many");
    assert!(error.to_string().contains("at most"), "{error}");
    // What is wrong with one job harms no other of the message.
    let (good, mut taken) = (job(&Place::Host, What::Zone(1)), job(&Place::Host, What::Zone(2)));
    taken.id = good.id;
    let wrong = job(&Place::Netns("../host".into()), What::Zone(1));
    let jobs = vec![wrong, good.clone(), taken, job(&Place::Host, What::Zone(0)), good];
    let Answer::Submitted { outcomes } =
        conversation.ask(&Request::Submit { jobs }).await.expect("an answer")
    else {
        panic!("not that answer");
    };
    let whys: Vec<Option<Why>> = outcomes.iter().map(|outcome| outcome.as_ref().map(|no| no.why)).collect();
    assert_eq!(whys, [Some(Why::Wrong), None, Some(Why::Taken), Some(Why::Wrong), None]);
    let Answer::Job { job } =
        conversation.ask(&Request::Job { id: JobId(uuid::Uuid::nil()) }).await.expect("an answer")
    else {
        panic!("not that answer");
    };
    assert_eq!(job, None);
    assert_eq!(bed.stats().await.counters.accepted, 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_jobs_is_bounded() {
    let Some(mut bed) = Bed::new() else { return };
    bed.settings.max_waiting_jobs = 700;
    bed.settings.gather_ms = 10_000;
    let running = bed.start().await;
    let mut refused = 0;
    for _ in 0..3 {
        let jobs = (0..MAX_JOBS_PER_REQUEST).map(|_| job(&Place::Host, What::Zone(1))).collect();
        let Answer::Submitted { outcomes } = bed.ask(Request::Submit { jobs }).await else {
            panic!("not that answer");
        };
        let no: Vec<_> = outcomes.into_iter().flatten().collect();
        assert!(no.iter().all(|refused| refused.why == Why::Busy && refused.is_for_now()));
        refused += no.len();
    }
    let stats = bed.stats().await;
    assert_eq!((stats.counters.accepted, refused), (700, 3 * MAX_JOBS_PER_REQUEST - 700));
    let Answer::Jobs { jobs, more } = bed.ask(Request::Jobs { limit: u32::MAX }).await else {
        panic!("not that answer");
    };
    assert_eq!((jobs.len(), more), (700, 0));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_are_not_heard() {
    let Some(mut bed) = Bed::new() else { return };
    const SCRIPT: &str = "import os,socket,sys\nos.setuid(65534)\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n\
        try: s.sendall(b'\\0\\0\\0\\x19{\"hello\": {\"version\": 1}}')\nexcept OSError: pass\nprint(s.recv(1000)[4:].decode())";
    std::fs::set_permissions(bed.dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("sets");
    for (users, word) in [(vec![], "PermissionError"), (vec![1], "not_allowed"), (vec![65534], "hello")] {
        bed.settings.users = users;
        let running = bed.start().await;
        let mut command = Command::new("python3");
        command.args(["-c", SCRIPT]).arg(&bed.settings.socket);
        let output = tokio::task::block_in_place(|| command.output()).expect("python3 runs");
        let heard = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        assert!(heard.concat().contains(word), "{heard:?}");
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_named_takes_no_place_of_roots() {
    let Some(mut bed) = Bed::new() else { return };
    // As many as are heard, and one.
    const SCRIPT: &str = "import os,socket,sys\nos.setuid(65534)\nheld = []\nfor _ in range(9):\n\
        \x20 s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); held.append(s)\n\
        \x20 s.sendall(b'\\0\\0\\0\\x19{\"hello\": {\"version\": 1}}'); print(s.recv(1000)[4:].decode(), flush=True)\n\
        sys.stdin.read()";
    std::fs::set_permissions(bed.dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("sets");
    bed.settings.users = vec![65534];
    let running = bed.start().await;
    let mut command = tokio::process::Command::new("python3");
    command.args(["-c", SCRIPT]).arg(&bed.settings.socket).kill_on_drop(true);
    let mut held = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python3 runs");
    let mut lines = BufReader::new(held.stdout.take().expect("is piped")).lines();
    for at in 0..9 {
        let said = lines.next_line().await.expect("is read").expect("an answer");
        assert!(said.contains(if at < 8 { "hello" } else { "come again" }), "{at}: {said}");
    }
    // All of their places are held.
    assert_eq!(bed.stats().await.counters.accepted, 0);
    drop(held.stdin.take());
    assert!(held.wait().await.expect("ends").success());
    running.stop().await;
}
