//! Segment buffers that come back when the last shard cut from them is dropped.

use std::sync::{Arc, Mutex};

/// How many idle buffers are kept for the next segments, if they are small.
const IDLE_MAX: usize = 4;
/// How many bytes idle buffers may take together; one is kept whatever it takes.
const IDLE_BYTES_MAX: usize = 32 << 20;

/// Hands out buffers of one length. A reused one still holds what it held.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    bytes: usize,
    idle: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Pool {
    /// A pool of buffers of `bytes`.
    pub(crate) fn new(bytes: usize) -> Self {
        Self { bytes, idle: Arc::default() }
    }

    /// An idle buffer, or a new one.
    pub(crate) fn take(&self) -> Buffer {
        let idle = self.idle.lock().ok().and_then(|mut idle| idle.pop());
        let bytes = idle.unwrap_or_else(|| vec![0; self.bytes]);
        Buffer { bytes, home: Arc::clone(&self.idle) }
    }
}

/// A buffer that returns to its pool when dropped.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    home: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AsMut<[u8]> for Buffer {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let most = (IDLE_BYTES_MAX / self.bytes.len().max(1)).clamp(1, IDLE_MAX);
        if let Ok(mut idle) = self.home.lock()
            && idle.len() < most
        {
            idle.push(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn a_buffer_comes_back_when_its_last_slice_is_dropped() {
        let pool = Pool::new(8);
        let mut buffer = pool.take();
        buffer.as_mut().fill(5);
        let whole = Bytes::from_owner(buffer);
        let slice = whole.slice(2..4);
        drop(whole);
        assert_eq!(pool.take().as_ref(), [0; 8]);
        drop(slice);
        let (first, second) = (pool.take(), pool.take());
        assert_eq!((first.as_ref(), second.as_ref()), (&[5; 8][..], &[0; 8][..]));
    }

    #[test]
    fn few_buffers_are_kept_and_of_large_ones_fewer() {
        for (bytes, kept) in [(8, 4), (12 << 20, 2), (40 << 20, 1)] {
            let pool = Pool::new(bytes);
            let buffers: Vec<Buffer> = (0..6).map(|_| pool.take()).collect();
            drop(buffers);
            assert_eq!(pool.idle.lock().map(|idle| idle.len()).ok(), Some(kept), "{bytes}");
        }
    }
}
