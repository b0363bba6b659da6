//! A private PostgreSQL server for one test binary: made with `initdb` in a temporary directory, reached over a
//! socket there, and ended by its own process id when the binary ends, however that ends.

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Whom the server runs as where the tests run as root, which it refuses.
const NOBODY: u32 = 65_534;
/// How long the server may take to start on a busy machine.
const START_MAX: Duration = Duration::from_mins(2);
/// Ends the server when its standard input does.
const GUARD: &str = r#"
"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c max_connections=200 \
    -c max_wal_size=4GB -c shared_buffers=128MB >"$2/log" 2>&1 &
server=$!
cat >/dev/null
kill -INT $server
wait $server
rm -rf "$2"
"#;

struct Cluster {
    binaries: PathBuf,
    dir: PathBuf,
    /// Closed when this process ends: that ends the server.
    _guard: ChildStdin,
}

/// The URL of a new, empty database; nothing where no PostgreSQL is installed, which is said in a line.
pub(crate) fn new_database() -> Option<String> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let cluster = CLUSTER.get_or_init(|| {
        let binaries = binaries();
        if binaries.is_none() {
            // Past the harness, which keeps what tests print to itself.
            let line = "skipped: there is no initdb, so nothing is tested on PostgreSQL\n";
            let _said = std::io::stderr().write_all(line.as_bytes());
        }
        binaries.map(Cluster::start)
    });
    let name = format!("house{}", COUNT.fetch_add(1, Ordering::Relaxed));
    cluster.as_ref().map(|cluster| cluster.create(&name))
}

/// Where `initdb` and its siblings are.
fn binaries() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut installed: Vec<PathBuf> = versions.map(|entry| entry.path().join("bin")).collect();
    installed.sort();
    let places = std::env::split_paths(&path).chain(installed.into_iter().rev());
    let found = places.map(|place| place.join("initdb")).find(|initdb| initdb.is_file())?;
    found.canonicalize().ok()?.parent().map(Path::to_owned)
}

/// A command that does not run as root.
fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    if std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0) {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.current_dir("/").env("LC_ALL", "C");
    command
}

impl Cluster {
    fn start(binaries: PathBuf) -> Self {
        let dir = tempfile::Builder::new().prefix("bondstore-pg").tempdir().unwrap().keep();
        if std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0) {
            std::os::unix::fs::chown(&dir, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let initdb = command(binaries.join("initdb"))
            .arg("-D")
            .arg(dir.join("data"))
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"])
            .output()
            .unwrap();
        assert!(initdb.status.success(), "{}", String::from_utf8_lossy(&initdb.stderr));
        #[expect(
            clippy::zombie_processes,
            reason = "the guard ends with this process, and outlives it a little"
        )]
        let mut guard = command("sh")
            .args(["-c", GUARD, "guard"])
            .arg(&binaries)
            .arg(&dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { binaries, dir, _guard: guard.stdin.take().unwrap() }
    }

    fn create(&self, name: &str) -> String {
        let started = Instant::now();
        loop {
            let created = command(self.binaries.join("createdb"))
                .arg("-h")
                .arg(&self.dir)
                .args(["-U", "postgres", name])
                .output()
                .unwrap();
            if created.status.success() {
                return format!("postgres:///{name}?host={}&user=postgres", self.dir.display());
            }
            // It is starting, or another database is being made.
            let why = String::from_utf8_lossy(&created.stderr).into_owned();
            assert!(started.elapsed() < START_MAX, "{why}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
