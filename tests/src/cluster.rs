//! A hospital chain's cluster on loopback: three brokers, PostgreSQL, DynamoDB Local, an S3 gateway, and nodes of the program,
//! each behind lines of its own that a test can hold or cut. Everything ends with the process that started it.

pub mod line;
pub mod node;
pub mod owners;
pub mod settings;

use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::servers::dynamodb::DynamoServer;
use crate::servers::guard::Guard;
use crate::servers::kafka::Kafka;
use crate::servers::postgres::PostgresServer;
use crate::servers::s3::S3Gateway;
use line::{Lines, line};
pub use node::Node;
pub use owners::Owners;
pub use settings::Plan;

/// The bucket of sealed files.
const BUCKET: &str = "carelog-blobs";

/// A running cluster.
pub struct Cluster {
    /// The brokers.
    pub kafka: Mutex<Kafka>,
    /// The database of read models and keys.
    pub postgres: PostgresServer,
    /// The bucket.
    pub s3: S3Gateway,
    /// The tables of documents.
    pub dynamo: DynamoServer,
    /// Who owns which partition, as the topic says.
    pub owners: Arc<Owners>,
    /// What nodes are started with.
    plan: Plan,
    nodes: Mutex<Vec<Arc<Node>>>,
    database: String,
    lines: Vec<Lines>,
    folder: PathBuf,
    _removed: Guard,
}

impl Cluster {
    /// Starts the stores, makes the topic, and starts the nodes of the plan one after the other, each until it is ready.
    pub async fn start(plan: Plan) -> Cluster {
        let cluster = Cluster::stores(plan).await;
        for number in 0..cluster.plan.nodes {
            cluster.add(number).await;
        }
        cluster
    }

    async fn stores(plan: Plan) -> Cluster {
        let folder = plan
            .folder
            .clone()
            .unwrap_or_else(|| tempfile::Builder::new().prefix("carelog-cluster-").tempdir().expect("a folder").keep());
        std::fs::create_dir_all(&folder).expect("a folder");
        // Nodes die with this process, but may still write for a moment.
        let removed = Guard::of_ours_at_the_end("sleep 1; rm -rf \"$1\"", &[&folder]);
        settings::make_master_key(&folder);
        let lines: Vec<Lines> = (0..plan.nodes_max).map(|_| Lines::default()).collect();
        let behind = lines.clone();
        let starting = std::thread::spawn(move || {
            Kafka::start_behind(3, behind.len(), |number, port| {
                line(port, &[&behind[number].all, &behind[number].kafka])
            })
        });
        // Keys are kept by no database that loses what it acknowledged.
        let others = std::thread::spawn(|| {
            (PostgresServer::start("fsync = on\n"), DynamoServer::in_a_file(), S3Gateway::start())
        });
        let kafka = starting.join().expect("Kafka starts");
        let (postgres, dynamo, s3) = others.join().expect("the stores start");
        let database = postgres.database().await;
        s3.bucket(BUCKET);
        settings::make_topic(&kafka.bootstrap(), plan.partitions).await;
        let owners = Owners::follow(&kafka.bootstrap(), settings::TOPIC, plan.partitions);
        Cluster {
            kafka: Mutex::new(kafka),
            postgres,
            s3,
            dynamo,
            owners,
            plan,
            nodes: Mutex::default(),
            database,
            lines,
            folder,
            _removed: removed,
        }
    }

    /// Starts the node of this number, behind lines of its own unless the plan says otherwise, and waits until it is ready.
    pub async fn add(&self, number: usize) -> Arc<Node> {
        let lines = &self.lines[number];
        let direct = self.plan.direct;
        let way = |port: u16| if direct { port } else { line(port, &[&lines.all]) };
        let (dynamo, postgres, s3) = (way(self.dynamo.port), way(self.postgres.port), way(self.s3.port));
        let brokers = {
            let kafka = self.kafka.lock().expect("not poisoned");
            if direct { kafka.bootstrap() } else { kafka.bootstrap_behind(number) }
        };
        let reached = settings::Reached { brokers, postgres, dynamo, s3, database: &self.database, bucket: BUCKET };
        let name = format!("node-{}", number + 1);
        let port = self.plan.first_port.map(|first| first + number as u16);
        let node = Node::new(&name, &self.folder, port, (!direct).then(|| lines.clone()), |advertised| {
            self.plan.environment(number, &name, &self.folder, advertised, &reached)
        });
        let node = Arc::new(node);
        node.start();
        node.ready().await;
        self.nodes.lock().expect("not poisoned").push(node.clone());
        node
    }

    /// The nodes that were started and not taken away.
    pub fn nodes(&self) -> Vec<Arc<Node>> {
        self.nodes.lock().expect("not poisoned").clone()
    }

    /// The node that owns a partition now, as the topic says.
    pub fn owner(&self, partition: u16) -> Option<Arc<Node>> {
        let name = self.owners.of(partition)?.node;
        self.nodes().into_iter().find(|node| node.name == name)
    }

    /// Forgets a node that was stopped for good.
    pub fn take_away(&self, node: &Node) {
        self.nodes.lock().expect("not poisoned").retain(|other| other.name != node.name);
    }

    /// Starts a broker again that was killed, and waits until it answers.
    pub async fn restart_broker(&self, broker: usize) {
        let restart = || self.kafka.lock().expect("not poisoned").restart(broker);
        tokio::task::block_in_place(restart);
    }

    /// Starts every store again that does not run.
    pub fn restore_stores(&self) {
        let silent = |port: u16| TcpStream::connect(("127.0.0.1", port)).is_err();
        if silent(self.postgres.port) {
            self.postgres.go();
        }
        if silent(self.s3.port) {
            self.s3.go();
        }
        if silent(self.dynamo.port) {
            self.dynamo.go();
        }
        let mut kafka = self.kafka.lock().expect("not poisoned");
        kafka.dead().into_iter().for_each(|broker| kafka.restart(broker));
    }

    /// The database of read models and keys.
    pub fn database_url(&self) -> String {
        self.postgres.url(&self.database)
    }

    /// Partitions of the log.
    pub fn partitions(&self) -> u16 {
        self.plan.partitions
    }

    /// What all nodes wrote to their logs, for a test that fails.
    pub fn logs(&self) -> String {
        self.nodes().iter().map(|node| format!("== {}\n{}\n", node.name, node.log_end(20))).collect()
    }

    /// What all nodes wrote to their logs about requests that failed.
    pub fn failures(&self) -> String {
        let failed = "a request failed";
        self.nodes().iter().map(|node| format!("== {}\n{}", node.name, node.log_lines(failed))).collect()
    }
}
