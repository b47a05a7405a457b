//! One home of the platform, from its start to what is left when it has stopped: to tell the same history to several and
//! compare what came of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use carelog_domain::kernel::Timestamp;
use carelog_postgres::{PostgresSettings, PostgresStore};

use crate::canonical::{self, Canonical, settle_with_days_ahead};
use crate::server::{Server, program, root};
use crate::servers::chain::{ChainHome, ChainStores};
use crate::servers::dynamodb::DynamoServer;

/// What the wall clock decides, and numbers given by the order of billing, which `Canonical` compares as series.
const ROWS_ASIDE: [&str; 6] = [
    "days.opened_at",
    "imports.finished_at",
    "invoices.number",
    "invoices.printed_number",
    "credit_notes.number",
    "credit_notes.printed_number",
];
/// The same in documents, and a sealed file's name, which chance has a part in.
const FIELDS_ASIDE: [&str; 2] = ["printedNumber", "blob"];

/// A running home.
pub struct Home {
    /// The program in it.
    pub server: Server,
    /// Its folder.
    pub data: PathBuf,
    chain: Option<ChainHome>,
}

/// What a home's history came to.
pub struct Ended {
    /// The folder of the stopped server.
    pub data: PathBuf,
    /// Where its stores are, unless in that folder.
    pub chain: Option<ChainHome>,
    /// Its read models.
    pub canonical: Canonical,
    events: BTreeMap<String, String>,
}

impl Home {
    /// Everything in one folder. Names that derive from the chain's secret are those of the other folder, if given.
    pub async fn embedded(data: &Path, partitions: u16, secret_of: Option<&Path>) -> Home {
        if let Some(other) = secret_of {
            std::fs::create_dir_all(data.join("keys")).expect("made");
            for file in ["master.key", "journal"] {
                std::fs::copy(other.join("keys").join(file), data.join("keys").join(file)).expect("copied");
            }
        }
        Home { server: Server::start(data, partitions).await, data: data.to_owned(), chain: None }
    }

    /// What is shared in the stores, and in the folder at most a log, or the copy of one.
    pub async fn on(stores: &ChainStores, data: &Path, partitions: u16, secret_of: Option<&Path>) -> Home {
        let chain = stores.home(secret_of).await;
        let server = Server::start_with(data, partitions, &chain.environment()).await;
        Home { server, data: data.to_owned(), chain: Some(chain) }
    }

    /// Waits until nothing follows any more, lets the program verify itself, running and stopped, and reads what is left.
    /// What occurred since `live` is not compared as events.
    pub async fn end(self, live: Timestamp) -> Ended {
        settle_with_days_ahead(&self.server).await;
        // Projecting again takes DynamoDB Local long, and comparing homes finds the same.
        let deep = if self.chain.is_none() { "--deep" } else { "--json" };
        for arguments in [&["projections", "verify", deep][..], &["ledger", "check"]] {
            let output = self.server.run(arguments);
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            assert!(output.status.success(), "{arguments:?}\n{said}\n{}", self.server.log());
        }
        let events = canonical::events(&self.server, live).await;
        assert!(!events.is_empty(), "nothing happened");
        self.server.stop();
        verified_stopped(&self.data, self.chain.as_ref());
        let canonical = match &self.chain {
            None => Canonical::of(&self.data).await,
            Some(chain) => {
                let sql = PostgresStore::connect(PostgresSettings::new(chain.rows.clone())).await.expect("the rows");
                let documents = DynamoServer::documents(chain.documents_port, &chain.table).await;
                Canonical::with(&sql, &documents).await
            }
        };
        Ended { data: self.data, chain: self.chain, canonical, events }
    }
}

impl Ended {
    /// Panics with what differs: events by their ids, rows and documents by their content.
    pub fn assert_same(&self, other: &Ended) {
        canonical::assert_same_events(&self.events, &other.events);
        self.canonical.assert_same(&other.canonical);
    }

    /// What scripts that share no code with Carelog say of the stores of this embedded home and that of a chain: true
    /// when all cells are the same.
    pub fn compared_with(&self, other: &Ended) -> (bool, String) {
        let chain = other.chain.as_ref().expect("the home of a chain");
        let mut rows = Command::new("python3");
        rows.arg(root().join("scripts/compare_homes.py")).arg(self.data.join("read-models.sqlite")).arg(&chain.rows);
        rows.arg("--aside").args(ROWS_ASIDE);
        let export = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(export.path(), exported(&self.data.join("documents"))).expect("written");
        let mut documents = Command::new("python3");
        documents.arg(root().join("scripts/compare_documents.py")).arg(export.path()).arg(&chain.table);
        documents.envs(chain.environment()).arg("--aside").args(FIELDS_ASIDE);
        let (rows, documents) = (said(&mut rows), said(&mut documents));
        (rows.0 && documents.0, format!("{}{}", rows.1, documents.1))
    }
}

/// The stores of a stopped server are found by the same settings.
fn verified_stopped(data: &Path, chain: Option<&ChainHome>) {
    for arguments in [&["projections", "verify"][..], &["log", "verify"]] {
        let mut command = Command::new(program());
        command.args(arguments).arg("--data").arg(data);
        command.envs(chain.map(ChainHome::environment).unwrap_or_default());
        let (well, said) = said(&mut command);
        assert!(well, "{arguments:?} on the stopped server's folder: {said}");
    }
}

fn said(command: &mut Command) -> (bool, String) {
    let output = command.output().expect("run");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// Every entry of sled's tree as it is, `KEY VALUE` in hex: no line of the adapter is used, the script reads the bytes.
fn exported(folder: &Path) -> String {
    let tree = sled::open(folder).and_then(|database| database.open_tree("documents")).expect("the documents");
    let mut lines = String::new();
    for entry in tree.iter() {
        let (key, value) = entry.expect("an entry");
        writeln!(lines, "{} {}", hex::encode(key), hex::encode(value)).expect("a String takes all");
    }
    lines
}
