//! `bondstore-stream/1`: one long-lived connection that a provider opens and both ends speak over.
//!
//! After an HTTP/1.1 upgrade come frames: a length (u32, big-endian, at most 64 MiB), then one message in
//! postcard. An empty frame is a sign of life; an end that hears nothing for a minute gives up.

use crate::api::Problem;
use crate::client::{Call, ClientError};
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::header::{CONNECTION, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use std::io;
use std::marker::PhantomData;
use std::time::Duration;
use tokio::io::{ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};
use tokio_util::task::AbortOnDropHandle;

/// What the `Upgrade` header says.
pub const PROTOCOL: &str = "bondstore-stream/1";
/// The longest message.
pub const MESSAGE_BYTES_MAX: usize = 64 << 20;
/// How often an end that has nothing to say shows that it lives.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long the other end may be silent, or refuse to take a message.
const SILENCE_MAX: Duration = Duration::from_mins(1);
/// How many messages wait to be sent.
const QUEUE: usize = 64;

/// Why the stream ended, or did not begin.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StreamError {
    /// It could not be opened.
    #[error(transparent)]
    Connect(#[from] ClientError),
    /// The other end is gone.
    #[error("the stream is closed; it must be opened again")]
    Closed,
    /// The connection broke.
    #[error("the stream broke: {0}")]
    Broken(String),
    /// Too much waits to be sent.
    #[error("{QUEUE} messages wait to be sent; the other end is slow, so wait or let it go")]
    Full,
    /// Nothing came for too long.
    #[error("nothing came over the stream for {0:?}; the other end hangs or is gone")]
    Silent(Duration),
    /// A message is too long.
    #[error("a message of {0} bytes is too long: at most {MESSAGE_BYTES_MAX} are sent in one")]
    TooLong(usize),
    /// A message cannot be read.
    #[error("the other end sent what is no message of {PROTOCOL}: {0}")]
    Malformed(String),
}

/// Both directions of a stream: sends `Out`, receives `In`.
pub struct Duplex<Out, In> {
    sender: StreamSender<Out>,
    receiver: StreamReceiver<In>,
}

impl<Out: Serialize, In: DeserializeOwned> Duplex<Out, In> {
    fn over(upgraded: Upgraded) -> Self {
        let (read, write) = tokio::io::split(TokioIo::new(upgraded));
        let (queue, queued) = mpsc::channel(QUEUE);
        let writer = AbortOnDropHandle::new(tokio::spawn(write_all(write, queued)));
        let frames = FramedRead::new(read, codec());
        Self {
            sender: StreamSender { queue, messages: PhantomData },
            receiver: StreamReceiver { frames, _writer: writer, messages: PhantomData },
        }
    }

    /// One more way to send.
    pub fn sender(&self) -> StreamSender<Out> {
        self.sender.clone()
    }

    /// The two directions apart.
    pub fn split(self) -> (StreamSender<Out>, StreamReceiver<In>) {
        (self.sender, self.receiver)
    }
}

/// Sends messages. Clones share one queue; when all are dropped, what is queued is sent, and the stream
/// is closed in this direction.
pub struct StreamSender<Out> {
    queue: mpsc::Sender<Bytes>,
    messages: PhantomData<fn(Out)>,
}

impl<Out> Clone for StreamSender<Out> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), messages: PhantomData }
    }
}

impl<Out: Serialize> StreamSender<Out> {
    /// Queues a message, waiting while the queue is full. That it arrives is shown by its answer alone.
    ///
    /// # Errors
    /// [`StreamError::TooLong`]; [`StreamError::Closed`] once the stream has ended.
    pub async fn send(&self, message: Out) -> Result<(), StreamError> {
        self.queue.send(encode(&message)?).await.map_err(|_| StreamError::Closed)
    }

    /// Queues a message where there is room for it now: one slow provider holds up nobody else.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`StreamError::Full`].
    pub fn try_send(&self, message: Out) -> Result<(), StreamError> {
        self.queue.try_send(encode(&message)?).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StreamError::Full,
            mpsc::error::TrySendError::Closed(_) => StreamError::Closed,
        })
    }

    /// Waits until the stream has ended in this direction.
    pub async fn closed(&self) {
        self.queue.closed().await;
    }
}

/// Receives messages. Dropping it ends the stream at once, in both directions.
pub struct StreamReceiver<In> {
    frames: FramedRead<ReadHalf<TokioIo<Upgraded>>, LengthDelimitedCodec>,
    _writer: AbortOnDropHandle<()>,
    messages: PhantomData<fn() -> In>,
}

impl<In: DeserializeOwned> StreamReceiver<In> {
    /// The next message; nothing once the other end has closed the stream. May be cancelled without loss.
    ///
    /// # Errors
    /// [`StreamError::Silent`], [`StreamError::Broken`], [`StreamError::Malformed`]: the stream is over.
    pub async fn recv(&mut self) -> Result<Option<In>, StreamError> {
        loop {
            let frame = timeout(SILENCE_MAX, self.frames.next())
                .await
                .map_err(|_| StreamError::Silent(SILENCE_MAX))?;
            match frame {
                None => return Ok(None),
                Some(Err(error)) => return Err(StreamError::Broken(error.to_string())),
                Some(Ok(frame)) if frame.is_empty() => {}
                Some(Ok(frame)) => {
                    return postcard::from_bytes(&frame)
                        .map(Some)
                        .map_err(|error| StreamError::Malformed(error.to_string()));
                }
            }
        }
    }
}

fn encode<Out: Serialize>(message: &Out) -> Result<Bytes, StreamError> {
    let bytes =
        postcard::to_stdvec(message).map_err(|error| StreamError::Malformed(error.to_string()))?;
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(StreamError::TooLong(bytes.len()));
    }
    Ok(bytes.into())
}

fn codec() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().max_frame_length(MESSAGE_BYTES_MAX).new_codec()
}

async fn write_all(write: WriteHalf<TokioIo<Upgraded>>, mut queued: mpsc::Receiver<Bytes>) {
    let mut frames = FramedWrite::new(write, codec());
    let written: io::Result<()> = async {
        loop {
            let frame = match timeout(HEARTBEAT, queued.recv()).await {
                Ok(Some(frame)) => frame,
                Ok(None) => return SinkExt::<Bytes>::close(&mut frames).await,
                Err(_) => Bytes::new(),
            };
            timeout(SILENCE_MAX, frames.send(frame)).await.map_err(io::Error::other)??;
        }
    }
    .await;
    if let Err(error) = written {
        tracing::debug!(%error, "a stream broke");
    }
}

/// Opens the stream: `call` is the `GET`, already authorised.
pub async fn connect<Out: Serialize, In: DeserializeOwned>(
    call: Call,
) -> Result<Duplex<Out, In>, ClientError> {
    call.upgrade(PROTOCOL).await.map(Duplex::over)
}

/// The server's side: extracted from a request that asks for the stream.
pub struct StreamUpgrade(OnUpgrade);

impl<S: Send + Sync> FromRequestParts<S> for StreamUpgrade {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let asks = has_token(&parts.headers, &CONNECTION, "upgrade")
            && has_token(&parts.headers, &UPGRADE, PROTOCOL);
        let upgrade = parts.extensions.remove::<OnUpgrade>().filter(|_| asks);
        upgrade.map(Self).ok_or_else(|| {
            let detail = format!("this path speaks {PROTOCOL} only: ask for it in Upgrade");
            Problem::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", detail)
        })
    }
}

impl StreamUpgrade {
    /// Answers the request, and runs `conversation` on the stream in a task of its own.
    pub fn accept<Out, In, Running>(
        self,
        conversation: impl FnOnce(Duplex<Out, In>) -> Running + Send + 'static,
    ) -> Response
    where
        Out: Serialize + 'static,
        In: DeserializeOwned + 'static,
        Running: Future<Output = ()> + Send + 'static,
    {
        tokio::spawn(async move {
            match self.0.await {
                Ok(upgraded) => conversation(Duplex::over(upgraded)).await,
                Err(error) => tracing::debug!(%error, "a stream was asked for and not opened"),
            }
        });
        let headers = [(CONNECTION, "upgrade"), (UPGRADE, PROTOCOL)];
        (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
    }
}

fn has_token(headers: &HeaderMap, name: &http::HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().eq_ignore_ascii_case(token))
}
