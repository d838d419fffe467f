use std::sync::Arc;

use model::conversation::{Greeting, Question, Refused, Why};
use serde::Deserialize;

use super::*;

const MOST: usize = 64;

#[tokio::test]
async fn messages_come_whole_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("deep/socket");
    drop(listen(&path, &[]).expect("listens"));
    let listener = listen(&path, &[]).expect("takes its own place");
    assert_eq!(fs::metadata(&path).expect("is there").permissions().mode() & 0o777, 0o600);
    let mut caller = UnixStream::connect(&path).await.expect("connects");
    let (mut stream, _) = listener.accept().await.expect("accepts");
    write(&mut caller, &"hello", MOST).await.expect("is sent");
    assert_eq!(read::<String>(&mut stream, MOST).await.expect("reads"), Some("hello".into()));
    // Neither has ended, though all that was said is read.
    assert!(timeout(PATIENCE / 100, ended(&stream)).await.is_err(), "goes on");
    assert!(timeout(PATIENCE / 100, ended(&caller)).await.is_err(), "goes on");
    assert!(write(&mut stream, &"x".repeat(MOST), MOST).await.is_err(), "too long");
    // Lengths that nobody means, words that are none, and messages that break off.
    for (bytes, kind) in [
        (&[0xff, 0xff, 0xff, 0xff][..], io::ErrorKind::InvalidData),
        (&[0, 0, 0, 1, b'{'], io::ErrorKind::InvalidData),
        (&[0, 0, 0, 9, b'"'], io::ErrorKind::UnexpectedEof),
    ] {
        let mut other = UnixStream::connect(&path).await.expect("connects");
        let (mut stream, _) = listener.accept().await.expect("accepts");
        other.write_all(bytes).await.expect("is sent");
        drop(other);
        let said = read::<String>(&mut stream, MOST).await.expect_err("is refused");
        assert_eq!(said.kind(), kind, "{bytes:?}");
    }
    drop(caller);
    ended(&stream).await;
    assert_eq!(read::<String>(&mut stream, MOST).await.expect("an end"), None);
}

/// Twice as much; news of it never come.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Ask {
    Twice(u32),
    News,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Told {
    Twice(u32),
    Refused(Refused),
}

impl From<Refused> for Told {
    fn from(refused: Refused) -> Told {
        Told::Refused(refused)
    }
}

impl Question for Ask {
    type Answer = Told;
    const SERVER: &'static str = "the doubler";
    const COMMAND: &'static str = "double";
    const USERS: &'static str = "doubler.users";
    const VERSION: u32 = 3;
    const MOST: usize = MOST;
    const PATIENCE: Duration = Duration::from_secs(10);

    fn heard(answer: Told) -> Result<Told, Refused> {
        match answer {
            Told::Refused(refused) => Err(refused),
            answer => Ok(answer),
        }
    }

    fn is_news(&self) -> bool {
        matches!(self, Ask::News)
    }
}

struct Doubler;

impl Answers for Doubler {
    type Question = Ask;

    async fn answer(&self, question: Ask) -> Told {
        match question {
            Ask::Twice(number) if number < 100 => Told::Twice(number * 2),
            Ask::Twice(number) => Refused::new(Why::Wrong, format!("{number} is too much")).into(),
            Ask::News => std::future::pending().await,
        }
    }
}

#[tokio::test]
async fn who_greets_in_the_same_language_is_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("socket");
    let unreached = Conversation::<Ask>::open(&path).await.err().expect("nobody is there").to_string();
    assert!(
        unreached.starts_with("the doubler is not reached at ") && unreached.ends_with('?'),
        "{unreached}"
    );
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(serve(listen(&path, &[]).expect("listens"), Arc::new(Doubler), &[]));
    let mut caller = Conversation::open(&path).await.expect("is heard");
    assert_eq!(caller.ask(&Ask::Twice(7)).await.expect("an answer"), Told::Twice(14));
    let refused = caller.ask(&Ask::Twice(100)).await.expect_err("too much").to_string();
    assert_eq!(refused, "the doubler refused: 100 is too much");
    assert_eq!(caller.ask(&Ask::Twice(8)).await.expect("goes on"), Told::Twice(16));
    // Who waits for news, and goes, leaves its place.
    for _ in 0..20 {
        let mut waits = Conversation::open(&path).await.expect("is heard");
        assert!(timeout(PATIENCE / 1000, waits.ask(&Ask::News)).await.is_err());
    }
    for (first, says) in [
        ("{\"hello\":{\"version\":2}}", "version 2 is not spoken here, but 3"),
        ("{\"twice\":7}", "say hello first"),
        ("[", "say hello first"),
        (&format!("\"{}\"", "x".repeat(GREETING)), "say hello first: a message of 4098 bytes is too long"),
    ] {
        let mut stream = UnixStream::connect(&path).await.expect("connects");
        let head = (first.len() as u32).to_be_bytes();
        let _ = stream.write_all(&[&head, first.as_bytes()].concat()).await;
        let answer = read::<Greeting>(&mut stream, GREETING).await.expect("an answer");
        let Some(Greeting::Refused(refused)) = answer else { panic!("{first}: {answer:?}") };
        assert!(refused.why == Why::Version && refused.message.starts_with(says), "{first}: {refused:?}");
        // A reset is an end too.
        assert!(!matches!(read::<Told>(&mut stream, MOST).await, Ok(Some(_))), "{first}");
    }
}
