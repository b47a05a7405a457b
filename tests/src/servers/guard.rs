//! Ends a server when the process that started it ends, however it does: a small shell waits on a pipe whose other end
//! only that process holds, and the kernel closes it even after kill -9.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex, mpsc};

/// The system user that Debian's packages bring; PostgreSQL refuses to run as root.
const USER: &str = "postgres";

/// Something that is to end with this process, or when this is dropped.
pub struct Guard(Child);

impl Guard {
    /// Runs this shell text, as the user of the servers, once the process has ended; `$1`, `$2` ... are the arguments.
    pub fn at_the_end(text: &str, arguments: &[&Path]) -> Guard {
        Guard::by(as_server_user("sh"), text, arguments)
    }

    /// The same as whoever this is, for a server that may be run by anybody.
    pub fn of_ours_at_the_end(text: &str, arguments: &[&Path]) -> Guard {
        Guard::by(Command::new("sh"), text, arguments)
    }

    fn by(mut command: Command, text: &str, arguments: &[&Path]) -> Guard {
        command.args(["-c", &format!("cat >/dev/null; {text}"), "guard"]).args(arguments);
        // Of a group of its own, or Ctrl-C would end the guard before it has done its work.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        Guard(command.spawn().expect("sh"))
    }

    /// Runs a program, as whoever this is, until the process has ended. What it says goes into `log` in this folder, which
    /// is removed after it.
    pub fn around(program: &[&std::ffi::OsStr], folder: &Path) -> Guard {
        let log = std::fs::File::create(folder.join("log")).expect("a file");
        let text = "folder=$1; shift; \"$@\" & server=$!; cat >/dev/null; kill -9 $server; rm -rf \"$folder\"";
        let mut command = Command::new("sh");
        command.args(["-c", text, "guard"]).arg(folder).args(program);
        command.stdin(Stdio::piped()).stdout(log.try_clone().expect("a file")).stderr(log).process_group(0);
        Guard(command.spawn().expect("sh"))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // Whatever it says: the server is gone, or was before.
        let _ = self.0.wait();
    }
}

/// A program that the kernel kills when the thread that started it ends: tests end what they start themselves, this is for
/// those that cannot.
pub fn dying_with_us(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program);
    command
}

/// Starts a process from a thread that lives as long as this process: the kernel kills it when that thread ends, and a
/// test's own thread ends with the test.
pub fn spawn_to_the_end(command: Command) -> Child {
    type Spawn = (Command, mpsc::Sender<std::io::Result<Child>>);
    static SPAWNER: LazyLock<Mutex<mpsc::Sender<Spawn>>> = LazyLock::new(|| {
        let (spawn, asked) = mpsc::channel::<Spawn>();
        std::thread::spawn(move || {
            for (mut command, started) in asked {
                let _ = started.send(command.spawn());
            }
        });
        Mutex::new(spawn)
    });
    let shown = format!("{command:?}");
    let (started, process) = mpsc::channel();
    SPAWNER.lock().expect("not poisoned").send((command, started)).expect("the spawner runs");
    process.recv().expect("the spawner answers").unwrap_or_else(|error| panic!("{shown}: {error}"))
}

/// A command as the user that servers run as: `postgres` when this is root, who may not run them, else whoever this is.
pub fn as_server_user(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    if let Some((user, group)) = server_user() {
        command.uid(user).gid(group);
    }
    command.current_dir("/");
    command
}

/// Gives a folder to the user that servers run as.
pub fn give_to_server_user(path: &Path) {
    if let Some((user, group)) = server_user() {
        std::os::unix::fs::chown(path, Some(user), Some(group)).expect("the folder is ours to give");
    }
}

fn server_user() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| -> Option<u32> {
        let output = Command::new("id").args(arguments).output().expect("id");
        String::from_utf8_lossy(&output.stdout).trim().parse().ok()
    };
    if id(&["-u"]) != Some(0) {
        return None;
    }
    let missing = "there is no user postgres: install PostgreSQL first (scripts/setup test)";
    Some((id(&["-u", USER]).expect(missing), id(&["-g", USER]).expect(missing)))
}

/// Runs a command to its end; panics with what it said when it fails.
pub fn run(command: &mut Command) -> String {
    let shown = format!("{command:?}");
    let output = command.output().unwrap_or_else(|error| panic!("{shown}: {error}; install it: scripts/setup test"));
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{shown} ended with {}:\n{said}", output.status);
    said
}
