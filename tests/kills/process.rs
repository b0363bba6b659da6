//! A process of ours that is there to be killed.

use super::load::PATIENCE;
use serde_json::Value;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// The password of every key in these tests.
pub(crate) const PASSWORD: &str = "a password for tests";

/// A running `bondstore`, killed by its own number when it is dropped.
pub(crate) struct Process {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Process {
    /// Starts it and waits for nothing.
    pub(crate) fn spawn(args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bondstore"));
        command
            .args(args)
            .arg("--json")
            .env("BONDSTORE_PASSWORD", PASSWORD)
            .env_remove("BONDSTORE_LOG");
        command.env_remove("BONDSTORE_DATA").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().expect("the binary runs");
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, stdout }
    }

    /// What it says of itself once it is ready.
    pub(crate) async fn ready(&mut self) -> Value {
        let mut line = String::new();
        let read = timeout(PATIENCE, self.stdout.read_line(&mut line)).await;
        read.expect("it says in time that it is ready").expect("its output can be read");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line:?}"))
    }

    /// SIGKILL; gone when this returns.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.expect("a child of ours can be killed");
    }
}
