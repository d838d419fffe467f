//! What the socket is asked, and answers.

use kernel::conversation::{Answers, Unheard};

use crate::house::House;
use crate::message::{Answer, MAX_BYTES, Request, VERSION, Why};

impl Answers for House {
    type Request = Request;
    type Answer = Answer;
    const MOST: usize = MAX_BYTES;
    const VERSION: u32 = VERSION;
    const USERS: &'static str = "vswitchd.users";

    fn greeting(request: &Request) -> Option<u32> {
        match request {
            Request::Hello { version } => Some(*version),
            _ => None,
        }
    }

    fn hello() -> Answer {
        Answer::Hello { version: VERSION }
    }

    fn refuse(why: Unheard, message: String) -> Answer {
        let why = match why {
            Unheard::NotAllowed => Why::NotAllowed,
            Unheard::Busy => Why::Busy,
            Unheard::Unreadable => Why::Unreadable,
            Unheard::Version => Why::Version,
        };
        refuse(why, message)
    }

    async fn answer(&self, request: Request) -> Answer {
        House::answer(self, request).await
    }
}

pub(crate) fn refuse(why: Why, message: String) -> Answer {
    Answer::Refused { why, message }
}
