//! The stream of events, read: server-sent events (WHATWG HTML, section 9.2) as far as a market sends them.

use crate::api::EventView;
use crate::client::{Answer, ClientError, HttpClient};

/// The longest event that is taken.
const EVENT_BYTES_MAX: usize = 16 << 20;

/// Events as they come.
pub struct Events {
    http: HttpClient,
    answer: Answer,
    /// What has come and is not yet a whole event.
    left: Vec<u8>,
}

impl Events {
    pub(super) fn new(http: HttpClient, answer: Answer) -> Self {
        Self { http, answer, left: Vec::new() }
    }

    /// The next event; nothing where the stream ends, as it does with the session: ask again, after the last event's id.
    pub async fn next(&mut self) -> Result<Option<EventView>, ClientError> {
        loop {
            if let Some(end) = self.left.windows(2).position(|pair| pair == b"\n\n") {
                let event: Vec<u8> = self.left.drain(..end + 2).collect();
                if let Some(data) = data(&event) {
                    let view = serde_json::from_slice(data);
                    return view.map(Some).map_err(|e| self.http.wrong_answer(e.to_string()));
                }
                continue;
            }
            if self.left.len() > EVENT_BYTES_MAX {
                return Err(self.http.wrong_answer("an event is longer than any may be"));
            }
            match self.answer.chunk().await? {
                Some(piece) => self.left.extend_from_slice(&piece),
                None => return Ok(None),
            }
        }
    }
}

/// An event's data; nothing for a comment.
fn data(event: &[u8]) -> Option<&[u8]> {
    event.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"data: "))
}
