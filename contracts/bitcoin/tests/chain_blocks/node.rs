//! A bitcoind of one's own, for the length of a test: it has no peers, and is ended by its process id.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long it may take to begin.
const BEGINS_WITHIN: Duration = Duration::from_mins(1);

/// A running node.
pub(crate) struct Node {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Node {
    /// The node that `BITCOIND_EXE` names, begun on regtest in a folder of its own; nothing where nothing is named.
    pub(crate) fn start() -> Option<Self> {
        let program = std::env::var_os("BITCOIND_EXE")?;
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(program)
            .arg("-regtest")
            .arg(format!("-datadir={}", folder.path().display()))
            .arg(format!("-rpcport={port}"))
            .args(["-server=1", "-listen=0", "-listenonion=0", "-dnsseed=0", "-fixedseeds=0"])
            .args(["-rpcbind=127.0.0.1", "-rpcallowip=127.0.0.1", "-disablewallet=1"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut node = Self { child, folder, port };
        let began = Instant::now();
        while node.ask("getblockcount", &json!([])).is_none() {
            assert!(node.child.try_wait().unwrap().is_none(), "the bitcoind has ended");
            assert!(began.elapsed() < BEGINS_WITHIN, "the bitcoind does not answer");
            std::thread::sleep(Duration::from_millis(100));
        }
        Some(node)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn cookie(&self) -> PathBuf {
        self.folder.path().join("regtest").join(".cookie")
    }

    /// What it answers.
    pub(crate) fn call(&self, method: &str, parameters: &Value) -> Value {
        let answer = self.ask(method, parameters).unwrap();
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Its whole answer; nothing while it does not answer yet.
    fn ask(&self, method: &str, parameters: &Value) -> Option<Value> {
        let cookie = std::fs::read(self.cookie()).ok()?;
        let body = json!({ "id": 1, "method": method, "params": parameters }).to_string();
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        socket.set_read_timeout(Some(BEGINS_WITHIN)).unwrap();
        let (host, admitted) = (self.port, STANDARD.encode(cookie));
        let head = format!(
            "POST / HTTP/1.1\r\nhost: 127.0.0.1:{host}\r\nauthorization: Basic {admitted}\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        socket.write_all(head.as_bytes()).ok()?;
        socket.write_all(body.as_bytes()).ok()?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).ok()?;
        let (_, body) = answer.split_once("\r\n\r\n")?;
        let answer: Value = serde_json::from_str(body).ok()?;
        // It is still reading its own folder.
        (answer["error"]["code"] != -28).then_some(answer)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
