//! A socket that the server can cut, even after a handler has taken it over by an upgrade, and that cuts itself
//! where the peer reads too slowly.

use super::pace::{Pacer, WritePace};
use crate::socket::Socket;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// A socket that fails from the moment it is cut, and holds its seat among the server's connections.
pub(super) struct Severable {
    socket: Socket,
    /// One for each direction, which different tasks may wait in.
    cut: [Pin<Box<WaitForCancellationFutureOwned>>; 2],
    pacer: Pacer,
    _seat: OwnedSemaphorePermit,
}

impl Severable {
    pub(super) fn new(
        socket: Socket,
        kill: &CancellationToken,
        pace: WritePace,
        seat: OwnedSemaphorePermit,
    ) -> Self {
        // A token of its own, so that connections do not share a lock.
        let kill = kill.child_token();
        let cut = [(); 2].map(|()| Box::pin(kill.clone().cancelled_owned()));
        Self { socket, cut, pacer: Pacer::new(pace), _seat: seat }
    }

    fn check(&mut self, direction: usize, cx: &mut Context<'_>) -> io::Result<()> {
        match self.cut[direction].as_mut().poll(cx) {
            Poll::Pending => Ok(()),
            Poll::Ready(()) => {
                Err(io::Error::new(io::ErrorKind::ConnectionAborted, "this server was stopped"))
            }
        }
    }
}

impl AsyncRead for Severable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(0, cx)?;
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for Severable {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(1, cx)?;
        let wrote = Pin::new(&mut self.socket).poll_write(cx, buf);
        self.pacer.wrote(cx, wrote)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(1, cx)?;
        let flushed = Pin::new(&mut self.socket).poll_flush(cx);
        self.pacer.flushed(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(1, cx)?;
        let closed = Pin::new(&mut self.socket).poll_shutdown(cx);
        self.pacer.flushed(cx, closed)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(1, cx)?;
        let wrote = Pin::new(&mut self.socket).poll_write_vectored(cx, parts);
        self.pacer.wrote(cx, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}
