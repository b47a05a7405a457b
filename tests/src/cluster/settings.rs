//! What the nodes of a cluster are started with. The only file here that knows the names of the program's settings.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

use crate::servers::s3::S3Gateway;

/// The log's topic.
pub const TOPIC: &str = "carelog.log";

/// What wraps all keys, one for all nodes.
const MASTER_KEY: &str = "master.key";

/// What cluster is wanted.
#[derive(Clone)]
pub struct Plan {
    /// Nodes at first.
    pub nodes: usize,
    /// Nodes that there may be.
    pub nodes_max: usize,
    /// Partitions of the log.
    pub partitions: u16,
    /// Where everything is kept; a temporary folder that goes with the cluster unless told.
    pub folder: Option<PathBuf>,
    /// The first node's port, the others follow it; free ones unless told.
    pub first_port: Option<u16>,
    /// The roles of each node by its number; all for those that are not named, or named with none.
    pub roles: Vec<String>,
    /// Without lines between the nodes and everything else: nothing can be cut off, and nothing is slower for it.
    pub direct: bool,
    /// More for the environment of each node.
    pub more: Vec<(String, String)>,
}

impl Default for Plan {
    fn default() -> Plan {
        // Each role on two nodes, so that it goes on when one is lost.
        let roles = ["", "commands,queries,sagas", "commands,queries,projections"].map(str::to_owned).into();
        Plan {
            nodes: 3,
            nodes_max: 4,
            partitions: 4,
            folder: None,
            first_port: None,
            roles,
            direct: false,
            more: Vec::new(),
        }
    }
}

/// Where a node reaches its stores: ports of its lines to them, or their own.
pub(super) struct Reached<'a> {
    pub(super) brokers: String,
    pub(super) postgres: u16,
    pub(super) dynamo: u16,
    pub(super) s3: u16,
    pub(super) database: &'a str,
    pub(super) bucket: &'a str,
}

impl Plan {
    /// The environment of a node.
    pub(super) fn environment(
        &self,
        number: usize,
        name: &str,
        folder: &Path,
        advertised: u16,
        reached: &Reached<'_>,
    ) -> Vec<(String, String)> {
        let postgres = format!("postgres://postgres@127.0.0.1:{}/{}", reached.postgres, reached.database);
        let own = [
            ("CARELOG_EVENT_LOG", format!("kafka://{}/{TOPIC}", reached.brokers)),
            ("CARELOG_PARTITIONS", self.partitions.to_string()),
            ("CARELOG_NODE", name.to_owned()),
            ("CARELOG_ADVERTISE", format!("127.0.0.1:{advertised}")),
            ("CARELOG_SQL", postgres.clone()),
            ("CARELOG_KEYS", postgres),
            ("CARELOG_MASTER_KEY_FILE", folder.join(MASTER_KEY).display().to_string()),
            ("CARELOG_DOCUMENTS", "dynamodb://carelog".to_owned()),
            ("CARELOG_DOCUMENTS_CREATE_TABLE", "true".to_owned()),
            ("CARELOG_BLOBS", format!("s3://{}", reached.bucket)),
            ("AWS_ENDPOINT_URL_DYNAMODB", format!("http://127.0.0.1:{}", reached.dynamo)),
        ];
        let mut all: Vec<(String, String)> = own.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        all.extend(S3Gateway::variables(reached.s3));
        let roles = self.roles.get(number).filter(|roles| !roles.is_empty());
        all.extend(roles.map(|roles| ("CARELOG_ROLES".to_owned(), roles.clone())));
        all.extend(self.more.iter().cloned());
        all
    }
}

/// Makes the key that wraps all others, as an operator does once for a chain.
pub(super) fn make_master_key(folder: &Path) {
    let mut file =
        File::options().create_new(true).write(true).mode(0o600).open(folder.join(MASTER_KEY)).expect("a file");
    writeln!(file, "{}", hex::encode(rand::random::<[u8; 32]>())).expect("written");
}

/// Makes the log's topic as a hospital chain has it.
pub(super) async fn make_topic(brokers: &str, partitions: u16) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create().expect("a client");
    let topic = NewTopic::new(TOPIC, i32::from(partitions), TopicReplication::Fixed(3))
        .set("min.insync.replicas", "2")
        .set("unclean.leader.election.enable", "false")
        .set("retention.ms", "-1")
        .set("retention.bytes", "-1")
        .set("cleanup.policy", "delete");
    let made = admin.create_topics([&topic], &AdminOptions::new()).await.expect("the brokers answer");
    made.into_iter().for_each(|each| drop(each.expect("a new topic")));
}
