//! A front before a market: it passes everything on, and remembers which operations were called.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The longest piece that is passed on at once.
const PIECE: usize = 64 << 10;

/// Method and path of each call.
pub(crate) type Calls = BTreeSet<(String, String)>;

/// One front. Its threads end with the process.
pub(crate) struct Front {
    address: SocketAddr,
    calls: Arc<Mutex<Calls>>,
}

/// What every connection of a front knows.
#[derive(Clone)]
struct Rules {
    market: SocketAddr,
    calls: Arc<Mutex<Calls>>,
    /// A path that nobody gets through to.
    closed: Option<&'static str>,
}

impl Front {
    /// A front before the market at `market`, which breaks connections on which `closed` is called.
    pub(crate) fn before(market: SocketAddr, closed: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let calls = Arc::new(Mutex::new(Calls::new()));
        let rules = Rules { market, calls: Arc::clone(&calls), closed };
        std::thread::spawn(move || {
            for caller in listener.incoming().flatten() {
                rules.clone().serve(caller);
            }
        });
        Self { address, calls }
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was called since this was asked last.
    pub(crate) fn calls(&self) -> Calls {
        std::mem::take(&mut *self.calls.lock().expect("no thread panicked"))
    }
}

impl Rules {
    /// Joins a caller with the market.
    fn serve(self, caller: TcpStream) {
        // A market that is gone answers nobody, and neither does its front.
        let Ok(market) = TcpStream::connect(self.market) else { return };
        let (Ok(up), Ok(down)) = (caller.try_clone(), market.try_clone()) else { return };
        std::thread::spawn(move || pass(down, caller, |_| true));
        std::thread::spawn(move || pass(up, market, |piece| self.lets(piece)));
    }

    /// Remembers the call that a piece begins with; whether it gets through.
    ///
    /// A caller waits for its answer before it calls again on a connection, and a call's head is sent at once: so every head is
    /// at the beginning of a piece.
    fn lets(&self, piece: &[u8]) -> bool {
        let line = piece.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let Ok(line) = std::str::from_utf8(line) else { return true };
        let [method, path, "HTTP/1.1"] = line.split(' ').collect::<Vec<_>>()[..] else {
            return true;
        };
        let path = path.split('?').next().unwrap_or(path).to_owned();
        if Some(&*path) == self.closed {
            return false;
        }
        self.calls.lock().expect("no thread panicked").insert((method.to_owned(), path));
        true
    }
}

/// Passes on what comes until one side ends or a piece must not.
fn pass(mut from: TcpStream, mut to: TcpStream, lets: impl Fn(&[u8]) -> bool) {
    let mut piece = vec![0; PIECE];
    while let Ok(read @ 1..) = from.read(&mut piece) {
        if !lets(&piece[..read]) || to.write_all(&piece[..read]).is_err() {
            break;
        }
    }
    for side in [from, to] {
        // It may be closed already.
        let _closed = side.shutdown(Shutdown::Both);
    }
}
