//! A peer that reads too slowly is cut off, so that it cannot hold a seat, or the memory of an answer, for ever.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// How slowly a peer may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WritePace {
    /// So many bytes must be taken…
    pub bytes: u64,
    /// …within this time, whenever so many are waiting.
    pub within: Duration,
}

impl Default for WritePace {
    /// 35 kB a second: a shard of 4 MiB takes two minutes at most.
    fn default() -> Self {
        Self { bytes: 1 << 20, within: Duration::from_secs(30) }
    }
}

/// Watches one connection's writes.
#[derive(Debug)]
pub(super) struct Pacer {
    pace: WritePace,
    /// When the window that runs now ends; nothing while nothing waits.
    window: Option<Pin<Box<Sleep>>>,
    /// Bytes that were taken in it.
    taken: u64,
}

impl Pacer {
    pub(super) fn new(pace: WritePace) -> Self {
        Self { pace, window: None, taken: 0 }
    }

    /// Notes what a write came to. While it waits, the window's end wakes the task.
    pub(super) fn wrote(
        &mut self,
        cx: &mut Context<'_>,
        write: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match write {
            Poll::Ready(Ok(bytes)) => {
                self.taken = self.taken.saturating_add(bytes as u64);
                if self.taken >= self.pace.bytes {
                    self.rest();
                }
                write
            }
            Poll::Pending => match self.wait(cx) {
                Poll::Ready(error) => Poll::Ready(Err(error)),
                Poll::Pending => Poll::Pending,
            },
            Poll::Ready(Err(_)) => write,
        }
    }

    /// Notes what a flush came to: after one nothing waits.
    pub(super) fn flushed(
        &mut self,
        cx: &mut Context<'_>,
        flush: Poll<io::Result<()>>,
    ) -> Poll<io::Result<()>> {
        match flush {
            Poll::Pending => match self.wait(cx) {
                Poll::Ready(error) => Poll::Ready(Err(error)),
                Poll::Pending => Poll::Pending,
            },
            Poll::Ready(_) => {
                self.rest();
                flush
            }
        }
    }

    fn rest(&mut self) {
        self.window = None;
        self.taken = 0;
    }

    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let within = self.pace.within;
        let window =
            self.window.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + within)));
        match window.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                let reason = format!("the peer took {} bytes in {within:?}", self.taken);
                Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, reason))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    const PACE: WritePace = WritePace { bytes: 100, within: Duration::from_millis(5) };

    fn writes(pacer: &mut Pacer, write: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        pacer.wrote(&mut Context::from_waker(Waker::noop()), write)
    }

    #[tokio::test]
    async fn a_peer_that_takes_too_little_is_cut_off() {
        let mut pacer = Pacer::new(PACE);
        assert!(writes(&mut pacer, Poll::Pending).is_pending());
        assert!(writes(&mut pacer, Poll::Ready(Ok(99))).is_ready());
        let cut = loop {
            match writes(&mut pacer, Poll::Pending) {
                Poll::Pending => tokio::time::sleep(Duration::from_millis(1)).await,
                Poll::Ready(cut) => break cut,
            }
        };
        assert_eq!(cut.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_peer_that_keeps_the_pace_begins_a_new_window() {
        let mut pacer = Pacer::new(PACE);
        for _ in 0..50 {
            assert!(writes(&mut pacer, Poll::Pending).is_pending());
            assert!(pacer.window.is_some());
            assert!(writes(&mut pacer, Poll::Ready(Ok(100))).is_ready());
            assert!(pacer.window.is_none());
        }
    }

    #[tokio::test]
    async fn silence_is_no_slowness() {
        let mut pacer = Pacer::new(PACE);
        assert!(writes(&mut pacer, Poll::Pending).is_pending());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(pacer.flushed(&mut cx, Poll::Ready(Ok(()))).is_ready());
        assert!(pacer.window.is_none(), "nothing waits, so nothing is late");
    }
}
