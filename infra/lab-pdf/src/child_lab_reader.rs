//! The adapter of the port `LabReader`: starts the child, feeds it the file, and believes nothing it says beyond the
//! limits. A child that crashes, hangs or babbles is the file's fault and becomes a reason; only a child that cannot be
//! started is ours.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use carelog_domain::ports::{BoxFuture, Failure, LabReader};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

use crate::child::Answer;
use crate::{Extraction, FailureReason, Limits};

const PORT: &str = "lab reader";
/// Enough to see why the runtime of the child aborted; never shown to anyone.
const STDERR_BYTES_MAX: usize = 4096;
const SIGXCPU: i32 = 24;

/// Reads lab reports in a child process per file.
pub struct ChildLabReader {
    program: PathBuf,
    arguments: Vec<OsString>,
    limits: Limits,
    at_once: Semaphore,
}

/// How the child ended, and what it left.
struct Ended {
    status: ExitStatus,
    output: Vec<u8>,
    complaint: Vec<u8>,
}

impl ChildLabReader {
    /// Starts `program` with `arguments` for each file, `at_once_max` at a time. The child must call
    /// [`crate::child_main`] with the same limits.
    pub fn new(
        program: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = impl Into<OsString>>,
        limits: Limits,
        at_once_max: usize,
    ) -> ChildLabReader {
        ChildLabReader {
            program: program.into(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            limits,
            at_once: Semaphore::new(at_once_max.max(1)),
        }
    }

    fn start(&self) -> Result<Child, Failure> {
        Command::new(&self.program)
            .args(&self.arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Failure::passing(PORT, "cannot start the reading process").caused_by(error))
    }

    async fn read_in_child(&self, pdf: Bytes) -> Result<Result<Extraction, FailureReason>, Failure> {
        if pdf.len() > self.limits.input_bytes_max {
            return Ok(Err(FailureReason::TooLarge));
        }
        let _turn =
            self.at_once.acquire().await.map_err(|error| Failure::lasting(PORT, "is shut down").caused_by(error))?;
        let mut child = self.start()?;
        let patience = Duration::from_millis(self.limits.wall_millis_max);
        match tokio::time::timeout(patience, self.converse(&mut child, pdf)).await {
            Ok(Ok(ended)) => Ok(self.judge(&ended)),
            Ok(Err(error)) => {
                end(&mut child).await;
                Err(Failure::passing(PORT, "lost the reading process").caused_by(error))
            }
            Err(_) => {
                end(&mut child).await;
                Ok(Err(FailureReason::TimedOut))
            }
        }
    }

    async fn converse(&self, child: &mut Child, pdf: Bytes) -> std::io::Result<Ended> {
        let missing = || std::io::Error::other("the child has no pipe");
        let mut stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stderr = child.stderr.take().ok_or_else(missing)?;
        let feed = async move {
            // A child that ends early closes the pipe; how it ended says more than this error.
            let _ = stdin.write_all(&pdf).await;
            drop(stdin);
        };
        let ((), output, complaint) =
            tokio::join!(feed, at_most(stdout, self.limits.output_bytes_max), at_most(stderr, STDERR_BYTES_MAX));
        Ok(Ended { status: child.wait().await?, output: output?, complaint: complaint? })
    }

    fn judge(&self, ended: &Ended) -> Result<Extraction, FailureReason> {
        if ended.output.len() > self.limits.output_bytes_max {
            return Err(FailureReason::TooLarge);
        }
        if ended.status.signal() == Some(SIGXCPU) || ended.status.signal() == Some(rustix_kill()) {
            return Err(FailureReason::TimedOut);
        }
        if !ended.status.success() {
            let out_of_memory = String::from_utf8_lossy(&ended.complaint).contains("memory allocation of");
            return Err(if out_of_memory { FailureReason::OutOfMemory } else { FailureReason::ReaderCrashed });
        }
        match serde_json::from_slice(&ended.output) {
            Ok(Answer::Read(extraction)) => Ok(*extraction),
            Ok(Answer::Failed(reason)) => Err(reason),
            Err(_) => Err(FailureReason::ReaderCrashed),
        }
    }
}

impl LabReader for ChildLabReader {
    fn read(&self, pdf: Bytes) -> BoxFuture<'_, Result<Result<Extraction, FailureReason>, Failure>> {
        Box::pin(self.read_in_child(pdf))
    }
}

/// The signal that the hard limit on processor time sends.
fn rustix_kill() -> i32 {
    rustix::process::Signal::KILL.as_raw()
}

/// Kills and waits, so that no zombie stays; both fail only when the child is gone already.
async fn end(child: &mut Child) {
    let _ = child.start_kill();
    let _ = child.wait().await;
}

/// Reads up to one byte more than `max`; the pipe is closed then, which ends a child that goes on writing.
async fn at_most(source: impl AsyncRead + Unpin, max: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(max as u64 + 1).read_to_end(&mut bytes).await?;
    Ok(bytes)
}
