//! A server of HTTP that answers as a test says, right or wrong.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::Value;

pub struct Asked {
    pub line: String,
    pub path: String,
    range: Option<u64>,
}

pub struct Reply {
    head: String,
    pub body: Vec<u8>,
    /// The connection breaks after so many bytes of the body.
    pub cut: Option<usize>,
    /// Counts what of the body was taken.
    pub counted: Option<Arc<AtomicU64>>,
    whole: bool,
}

impl Reply {
    pub fn of(body: Vec<u8>) -> Reply {
        Reply { head: "200 OK".into(), body, cut: None, counted: None, whole: false }
    }

    pub fn status(status: u16) -> Reply {
        Reply { head: format!("{status} No"), ..Reply::of(b"no\n".to_vec()) }
    }

    /// These bytes and nothing else.
    pub fn raw(body: Vec<u8>) -> Reply {
        Reply { whole: true, ..Reply::of(body) }
    }

    pub fn range(asked: &Asked, file: &[u8]) -> Reply {
        match asked.range {
            None => Reply::of(file.to_vec()),
            Some(from) => {
                let (size, body) = (file.len(), file[from as usize..].to_vec());
                let head = format!("206 Part\r\nContent-Range: bytes {from}-{}/{size}", size - 1);
                Reply { head, ..Reply::of(body) }
            }
        }
    }
}

#[derive(Default)]
struct Heard {
    asked: Mutex<Vec<String>>,
    reports: Mutex<Vec<Value>>,
    changed: Condvar,
    ends: AtomicBool,
}

pub struct Server {
    port: u16,
    heard: Arc<Heard>,
}

impl Server {
    pub fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("listens");
        let port = listener.local_addr().expect("an address").port();
        let heard = Arc::new(Heard::default());
        let (shared, answer) = (Arc::clone(&heard), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.ends.load(Ordering::Relaxed) {
                    return;
                }
                let (heard, answer) = (Arc::clone(&shared), Arc::clone(&answer));
                // A client that went away is no matter.
                std::thread::spawn(move || serve(&stream, &heard, &*answer));
            }
        });
        Server { port, heard }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn asked(&self) -> Vec<String> {
        self.heard.asked.lock().expect("no thread panicked").clone()
    }

    pub fn reports(&self) -> Vec<Value> {
        self.heard.reports.lock().expect("no thread panicked").clone()
    }

    /// Waits for a time, or until something is so.
    pub fn wait_for(&self, time: Duration, so: impl Fn(&Server) -> bool) {
        let until = std::time::Instant::now() + time;
        while !so(self) {
            let left = until.saturating_duration_since(std::time::Instant::now());
            if left.is_zero() {
                return;
            }
            let reports = self.heard.reports.lock().expect("no thread panicked");
            drop(self.heard.changed.wait_timeout(reports, left).expect("no thread panicked"));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.heard.ends.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port)); // Wakes it.
    }
}

fn serve(stream: &TcpStream, heard: &Heard, answer: &(impl Fn(&Asked) -> Reply + ?Sized)) -> Option<()> {
    let mut from = BufReader::new(stream);
    let (mut first, mut length, mut range) = (String::new(), 0, None);
    from.read_line(&mut first).ok()?;
    loop {
        let mut line = String::new();
        from.read_line(&mut line).ok()?;
        let line = line.trim_end();
        let Some((name, value)) = line.split_once(": ") else { break };
        match name {
            "content-length" => length = value.parse().ok()?,
            "range" => range = value.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).ok()?;
    let words: Vec<&str> = first.split_whitespace().collect();
    let path = words[1].split('?').next()?.to_owned();
    let asked = Asked { line: format!("{} {path}", words[0]), path, range };
    heard.asked.lock().ok()?.push(asked.line.clone());
    if words[0] == "POST" {
        heard.reports.lock().ok()?.push(serde_json::from_slice(&body).ok()?);
        heard.changed.notify_all();
    }
    let Reply { head, body, cut, counted, whole } = answer(&asked);
    let mut to = stream;
    if !whole {
        to.write_all(format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes()).ok()?;
    }
    for part in body[..cut.unwrap_or(body.len()).min(body.len())].chunks(64 << 10) {
        to.write_all(part).ok()?;
        if let Some(counted) = &counted {
            counted.fetch_add(part.len() as u64, Ordering::Relaxed);
        }
    }
    Some(())
}
