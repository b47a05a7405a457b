//! versitygw, an S3 gateway over a directory: a bucket is a folder, an object a file in it. On a free port of loopback, in a
//! folder of its own, killed and started again as a test likes.

use std::fs::File;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::free_port;
use super::guard::Guard;

const ACCESS_KEY: &str = "carelog";
const SECRET_KEY: &str = "carelog-tests-only";

/// A running gateway.
pub struct S3Gateway {
    folder: PathBuf,
    /// The port it listens on.
    pub port: u16,
    process: Mutex<Option<Child>>,
    _guard: Guard,
}

impl S3Gateway {
    /// Starts one.
    pub fn start() -> S3Gateway {
        let folder = tempfile::Builder::new().prefix("carelog-s3-").tempdir().expect("a folder").keep();
        std::fs::create_dir(folder.join("buckets")).expect("a folder");
        let end = "[ -f \"$1/pid\" ] && kill -9 $(cat \"$1/pid\"); rm -rf \"$1\"";
        let guard = Guard::of_ours_at_the_end(end, &[&folder]);
        let gateway = S3Gateway { folder, port: free_port(), process: Mutex::default(), _guard: guard };
        gateway.go();
        gateway
    }

    /// Starts it again after [`S3Gateway::kill`].
    pub fn go(&self) {
        let log = self.folder.join("log");
        let said = File::options().create(true).append(true).open(&log).expect("a file");
        let mut start = Command::new(program());
        start
            .args(["--port", &format!("127.0.0.1:{}", self.port), "--quiet", "posix"])
            .arg(self.folder.join("buckets"));
        start.env("ROOT_ACCESS_KEY", ACCESS_KEY).env("ROOT_SECRET_KEY", SECRET_KEY).current_dir(&self.folder);
        start.stdin(Stdio::null()).stdout(said.try_clone().expect("a file")).stderr(said);
        let child = start.spawn().expect("versitygw");
        std::fs::write(self.folder.join("pid"), child.id().to_string()).expect("written");
        *self.process.lock().expect("not poisoned") = Some(child);
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let said = || std::fs::read_to_string(&log).unwrap_or_default();
            assert!(begun.elapsed() < Duration::from_secs(20), "versitygw does not listen:\n{}", said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// kill -9.
    pub fn kill(&self) {
        if let Some(mut child) = self.process.lock().expect("not poisoned").take() {
            child.kill().expect("it runs");
            child.wait().expect("it ran");
            std::fs::remove_file(self.folder.join("pid")).expect("removed");
        }
    }

    /// Makes a bucket; its objects are files below what is returned.
    pub fn bucket(&self, name: &str) -> PathBuf {
        let folder = self.folder.join("buckets").join(name);
        std::fs::create_dir(&folder).expect("a new bucket");
        folder
    }

    /// What a client's environment would say, with the gateway behind this port.
    pub fn variables(port: u16) -> Vec<(String, String)> {
        let endpoint = format!("http://127.0.0.1:{port}");
        let variables = [
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ];
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }
}

impl Drop for S3Gateway {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The program that `scripts/setup test` builds.
fn program() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the root");
    let program = root.join("target/servers/versitygw/versitygw");
    assert!(program.exists(), "{} is missing: run scripts/setup test", program.display());
    program
}
