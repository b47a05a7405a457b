//! Apache Kafka in KRaft mode: one or three brokers on free ports of loopback, each a process with a folder of its own.
//! They end with the test process, however that ends. The jars come by Maven into `target/servers/kafka`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::free_port;
use super::guard::{dying_with_us, spawn_to_the_end};
use crate::server::root;

/// The version that scripts/servers/kafka/pom.xml names.
const VERSION: &str = "4.1.0";
/// Two busy cores start three brokers in a while.
const START_MAX: Duration = Duration::from_secs(120);

/// A running cluster.
pub struct Kafka {
    brokers: Vec<Broker>,
    _folder: tempfile::TempDir,
}

struct Broker {
    folder: PathBuf,
    port: u16,
    /// Ports at which others reach it, each through a line of their own.
    lines: Vec<u16>,
    process: Option<Child>,
}

impl Kafka {
    /// One broker that all tests of a process share while any of them runs.
    pub fn shared() -> Arc<Kafka> {
        static SHARED: Mutex<Weak<Kafka>> = Mutex::new(Weak::new());
        // A test that failed while it started one has left nothing in it.
        let mut shared = SHARED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        shared.upgrade().unwrap_or_else(|| {
            let kafka = Arc::new(Kafka::start(1));
            *shared = Arc::downgrade(&kafka);
            kafka
        })
    }

    /// Starts so many brokers (1 or 3) and waits until each answers.
    pub fn start(brokers: u16) -> Kafka {
        Kafka::start_behind(brokers, 0, |_, port| port)
    }

    /// One broker that asks what a client may do, which is everything until it is told otherwise.
    pub fn start_with_rights() -> Kafka {
        let authorizer = "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n\
                          allow.everyone.if.no.acl.found=true\n";
        Kafka::start_as(1, 0, |_, port| port, authorizer)
    }

    /// Takes the right to write from everybody, or gives it back. Done with the Python client: librdkafka's has no safe way.
    pub fn may_be_written(&self, may: bool) {
        let python = root().join("target/clients/venv/bin/python");
        let mut command = Command::new(python);
        command.arg(root().join("tests/fixtures/kafka/rights.py")).arg(self.bootstrap());
        let output = command.arg(if may { "give" } else { "take" }).output().expect("python; run scripts/setup test");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The same with so many more listeners on each broker, which clients find behind the port that `line` opens to them:
    /// a client stays on the line by which it came.
    pub fn start_behind(brokers: u16, lines: usize, line: impl Fn(usize, u16) -> u16) -> Kafka {
        Kafka::start_as(brokers, lines, line, "")
    }

    fn start_as(brokers: u16, lines: usize, line: impl Fn(usize, u16) -> u16, more: &str) -> Kafka {
        let folder = tempfile::tempdir().expect("a folder");
        // By time: one that begins with a hyphen would be taken for an option.
        let cluster = URL_SAFE_NO_PAD.encode(Uuid::now_v7());
        let ports: Vec<(u16, u16)> = (0..brokers).map(|_| (free_port(), free_port())).collect();
        let voters: Vec<String> =
            ports.iter().zip(1..).map(|((_, controller), id)| format!("{id}@127.0.0.1:{controller}")).collect();
        let place = |(index, (port, controller)): (usize, &(u16, u16))| {
            let folder = folder.path().join(format!("broker-{}", index + 1));
            fs::create_dir_all(&folder).expect("a folder");
            let behind: Vec<(u16, u16)> =
                (0..lines).map(|number| (number, free_port())).map(|(number, own)| (own, line(number, own))).collect();
            let settings = properties(index + 1, (*port, *controller), &behind, &voters, &folder);
            fs::write(folder.join("server.properties"), settings + more).expect("settings");
            let format = java(&folder, 128)
                .args(["kafka.tools.StorageTool", "format", "-t", &cluster, "-c"])
                .arg(folder.join("server.properties"))
                .output()
                .expect("java");
            assert!(format.status.success(), "{}", String::from_utf8_lossy(&format.stderr));
            let lines = behind.into_iter().map(|(_, line)| line).collect();
            Broker { folder, port: *port, lines, process: None }
        };
        let brokers = ports.iter().enumerate().map(place).collect();
        let mut kafka = Kafka { brokers, _folder: folder };
        kafka.brokers.iter_mut().for_each(Broker::spawn);
        kafka.brokers.iter_mut().for_each(Broker::wait);
        kafka
    }

    /// `host:port` of all brokers.
    pub fn bootstrap(&self) -> String {
        let all: Vec<String> = self.brokers.iter().map(|broker| format!("127.0.0.1:{}", broker.port)).collect();
        all.join(",")
    }

    /// The same behind the lines of this number.
    pub fn bootstrap_behind(&self, line: usize) -> String {
        let all: Vec<String> = self.brokers.iter().map(|broker| format!("127.0.0.1:{}", broker.lines[line])).collect();
        all.join(",")
    }

    /// kill -9 of a broker, counted from 0.
    pub fn kill(&mut self, broker: usize) {
        self.brokers[broker].end();
    }

    /// Starts a broker again that was killed, and waits until it answers.
    pub fn restart(&mut self, broker: usize) {
        self.brokers[broker].spawn();
        self.brokers[broker].wait();
    }

    /// The brokers that were killed and not started again.
    pub fn dead(&self) -> Vec<usize> {
        (0..self.brokers.len()).filter(|broker| self.brokers[*broker].process.is_none()).collect()
    }

    /// Stops a broker in the middle of whatever it does (SIGSTOP); it goes on when what is returned is dropped.
    #[must_use]
    pub fn freeze(&self, broker: usize) -> Frozen {
        let process = self.brokers[broker].process.as_ref().expect("it runs");
        let frozen = Frozen(process.id());
        frozen.signal("-STOP");
        let begun = Instant::now();
        while !frozen.stands_still() {
            assert!(begun.elapsed() < Duration::from_secs(10), "the broker does not stop");
            std::thread::sleep(Duration::from_millis(1));
        }
        frozen
    }
}

/// A broker that stands still.
pub struct Frozen(u32);

impl Frozen {
    /// True when every thread has heard the signal, which on busy cores is not at once.
    fn stands_still(&self) -> bool {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.0)).expect("it runs");
        let states = threads.flatten().filter_map(|thread| std::fs::read_to_string(thread.path().join("stat")).ok());
        // The state follows the name, which ends with the last parenthesis.
        states.into_iter().all(|stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T')))
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.0.to_string()]).status().expect("kill");
        assert!(sent.success(), "the broker is gone");
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        self.signal("-CONT");
    }
}

impl Broker {
    fn spawn(&mut self) {
        let log = fs::File::create(self.folder.join("broker.log")).expect("a file");
        let errors = log.try_clone().expect("a file");
        let mut command = java(&self.folder, 384);
        command.arg("kafka.Kafka").arg(self.folder.join("server.properties"));
        command.stdout(Stdio::from(log)).stderr(Stdio::from(errors));
        self.process = Some(spawn_to_the_end(command));
    }

    fn log(&self) -> String {
        let text = fs::read_to_string(self.folder.join("broker.log")).unwrap_or_default();
        text.lines().rev().take(40).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// Until it says that it has started.
    fn wait(&mut self) {
        let begun = Instant::now();
        let started = |folder: &Path| {
            let log = fs::read_to_string(folder.join("broker.log")).unwrap_or_default();
            log.contains("Kafka Server started")
        };
        while !started(&self.folder) {
            let ended = self.process.as_mut().expect("it was started").try_wait().expect("asked");
            assert!(ended.is_none(), "the broker ended: {ended:?}\n{}", self.log());
            assert!(begun.elapsed() < START_MAX, "the broker did not start\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn end(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended by itself.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.end();
    }
}

fn java(folder: &Path, megabytes: u32) -> Command {
    let jars = root().join("target/servers/kafka").join(VERSION);
    assert!(jars.join(format!("kafka_2.13-{VERSION}.jar")).exists(), "Kafka is missing: run scripts/setup test");
    let log4j = folder.join("log4j2.properties");
    let quiet = "rootLogger.level=info\nrootLogger.appenderRefs=out\nrootLogger.appenderRef.out.ref=out\n\
                 appender.out.type=Console\nappender.out.name=out\nappender.out.layout.type=PatternLayout\n\
                 appender.out.layout.pattern=%d %p %m (%c{1})%n\n";
    fs::write(&log4j, quiet).expect("settings");
    let mut java = dying_with_us("java");
    java.args([&format!("-Xmx{megabytes}m"), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]);
    java.arg(format!("-Dlog4j2.configurationFile={}", log4j.display()));
    java.arg("-cp").arg(jars.join("*")).stdin(Stdio::null());
    java
}

fn properties(
    id: usize,
    (port, controller): (u16, u16),
    behind: &[(u16, u16)],
    voters: &[String],
    folder: &Path,
) -> String {
    let each = |format: &dyn Fn(usize, u16, u16) -> String| -> String {
        behind.iter().enumerate().map(|(number, (own, line))| format(number, *own, *line)).collect()
    };
    let listeners = each(&|number, own, _| format!(",LINE{number}://127.0.0.1:{own}"));
    let advertised = each(&|number, _, line| format!(",LINE{number}://127.0.0.1:{line}"));
    let protocols = each(&|number, _, _| format!(",LINE{number}:PLAINTEXT"));
    let (replicas, in_sync) = if voters.len() == 1 { (1, 1) } else { (3, 2) };
    let data = folder.join("data");
    format!(
        "process.roles=broker,controller\nnode.id={id}\ncontroller.quorum.voters={voters}\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}{listeners}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port}{advertised}\ncontroller.listener.names=CONTROLLER\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT{protocols}\n\
         inter.broker.listener.name=PLAINTEXT\n\
         log.dirs={data}\nauto.create.topics.enable=false\ndefault.replication.factor={replicas}\n\
         offsets.topic.num.partitions=4\noffsets.topic.replication.factor={replicas}\n\
         transaction.state.log.num.partitions=4\ntransaction.state.log.replication.factor={replicas}\n\
         transaction.state.log.min.isr={in_sync}\nshare.coordinator.state.topic.replication.factor={replicas}\n\
         share.coordinator.state.topic.min.isr={in_sync}\nshare.coordinator.state.topic.num.partitions=1\n\
         broker.session.timeout.ms=3000\nbroker.heartbeat.interval.ms=500\nreplica.lag.time.max.ms=5000\n\
         group.initial.rebalance.delay.ms=0\ngroup.min.session.timeout.ms=1000\nnum.network.threads=2\nnum.io.threads=2\n\
         log.segment.bytes=67108864\nlog.cleaner.enable=false\n",
        voters = voters.join(","),
        data = data.display(),
    )
}
