//! Every "no", its status and sentence.

/// Why a request does not go on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum Refusal {
    #[error("the request's first line is not one of HTTP")]
    Line,
    #[error("lines of a head end with CR and LF, nothing else")]
    LineEnd,
    #[error("a line of the head is not NAME: VALUE")]
    Field,
    #[error("this line of the head may be there once")]
    Twice,
    #[error("exactly one Host is needed")]
    Host,
    #[error("only HTTP/1.1 and HTTP/1.0 are spoken here")]
    Version,
    #[error("ask for a path here, that begins with /; this is not a proxy for other hosts")]
    Target,
    #[error("the path must be plain: no empty, . or .. segments, no backslash, nothing encoded twice")]
    Path,
    #[error("the query is not understood")]
    Query,
    #[error("the length of the request is not clear, or it should have none")]
    Length,
    #[error("say Content-Length; Transfer-Encoding is not taken")]
    Encoded,
    #[error("Content-Length is needed")]
    NoLength,
    #[error("the body is too long: send at most 65536 bytes")]
    Body,
    #[error("the head is too long: send at most 16384 bytes and 64 lines")]
    TooLarge,
    #[error("Expect is not supported: send the request whole")]
    Expect,
    #[error("the request did not arrive whole in time")]
    Slow,
    #[error("nothing is here")]
    NotFound,
    #[error("only GET and HEAD are possible here")]
    Method,
    #[error("only POST is possible here")]
    MethodOfOrder,
    #[error("this address is of no port of the network: the gateway does not know who asks")]
    Unknown,
    #[error("too many connections at a time")]
    TooMany,
    #[error("the gateway towards the management network is not there at this moment: try again")]
    Away,
}

impl Refusal {
    pub fn status(self) -> u16 {
        match self {
            Refusal::NotFound => 404,
            Refusal::Unknown => 403,
            Refusal::Method | Refusal::MethodOfOrder => 405,
            Refusal::Slow => 408,
            Refusal::NoLength => 411,
            Refusal::Body => 413,
            Refusal::Expect => 417,
            Refusal::TooLarge => 431,
            Refusal::Encoded => 501,
            Refusal::TooMany | Refusal::Away => 503,
            Refusal::Version => 505,
            _ => 400,
        }
    }

    /// Whether the request was read to its end, so that another may follow.
    pub fn is_of_whole_request(self) -> bool {
        matches!(self, Refusal::Away)
    }

    /// The answer, whole. Who asked with HEAD gets no text.
    pub fn answer(self, close: bool, text: bool) -> Vec<u8> {
        let more = match self {
            Refusal::Method => "Allow: GET, HEAD\r\n",
            Refusal::MethodOfOrder => "Allow: POST\r\n",
            Refusal::TooMany | Refusal::Away => "Retry-After: 2\r\n",
            _ => "",
        };
        plain_answer(self.status(), more, close, text, &format!("{self}\n"))
    }
}

/// An answer of a sentence.
pub fn plain_answer(status: u16, more: &str, close: bool, text: bool, sentence: &str) -> Vec<u8> {
    let close = if close { "Connection: close\r\n" } else { "" };
    format!(
        "HTTP/1.1 {status} {}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n{more}{close}\r\n{}",
        reason(status),
        sentence.len(),
        if text { sentence } else { "" },
    )
    .into_bytes()
}

pub fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        206 => "Partial Content",
        304 => "Not Modified",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        411 => "Length Required",
        413 => "Content Too Large",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Answer",
    }
}
