//! A database of the bench's own on a server that was named.

use anyhow::{Context, bail, ensure};
use carelog_schemas::read_models;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls};

/// Its name; one that is left of a run that failed is removed.
const NAME: &str = "carelog_bench";
/// Where the program keeps its tables unless told.
pub(super) const SCHEMA: &str = "carelog";

/// The database and a connection to it, whose search path is the program's schema.
pub(super) struct Database {
    /// For the program and PostGraphile.
    pub(super) url: String,
    pub(super) client: Client,
    server: Config,
}

impl Database {
    /// Makes it empty.
    pub(super) async fn fresh(parameters: &str) -> anyhow::Result<Database> {
        let server: Config = parameters.parse().context("the parameters of PostgreSQL")?;
        let maintenance = connect(&server).await?;
        // Neither may be in a transaction, and several statements sent at once are in one.
        maintenance.batch_execute(&format!("DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")).await?;
        let made = maintenance.batch_execute(&format!("CREATE DATABASE {NAME} TEMPLATE template0")).await;
        made.context("a database for the bench cannot be made; its user must be allowed to")?;
        let mut config = server.clone();
        let client = connect(config.dbname(NAME)).await?;
        client.batch_execute(&format!("SET search_path TO {SCHEMA}")).await?;
        Ok(Database { url: url(&server, NAME)?, client, server })
    }

    /// Gives the planner what autovacuum would give it some time later, before anything is measured.
    pub(super) async fn settle(&self) -> anyhow::Result<()> {
        self.client.batch_execute("VACUUM ANALYZE").await.context("the tables cannot be vacuumed")
    }

    /// Which of the two sets of tables shows a read model's rows: `a` or `b`.
    pub(super) async fn live_set(&self, model: &str) -> anyhow::Result<String> {
        let sql = "SELECT live::text FROM read_model_layouts WHERE model = $1::text";
        let row = self.client.query_opt(sql, &[&read_models::key(model)]).await?;
        let row = row.with_context(|| format!("PostgreSQL holds no read model {model}"))?;
        row.try_get(0).with_context(|| format!("the set of {model} is a text"))
    }

    /// Ends the run unless the tables are those that PostGraphile's smart tags name.
    pub(super) async fn ensure_first_set(&self) -> anyhow::Result<()> {
        for model in ["appointments", "patients", "practitioners"] {
            let set = self.live_set(model).await?;
            ensure!(set == "a", "{model} lives in set {set}; PostGraphile is told of tables that end in _a");
        }
        Ok(())
    }

    /// Removes it, whoever is still connected.
    pub(super) async fn remove(self) -> anyhow::Result<()> {
        drop(self.client);
        let removed = connect(&self.server).await?;
        let removed = removed.batch_execute(&format!("DROP DATABASE {NAME} WITH (FORCE)")).await;
        removed.with_context(|| format!("the database {NAME} cannot be removed"))
    }
}

async fn connect(config: &Config) -> anyhow::Result<Client> {
    let (client, connection) = config.connect(NoTls).await.context("PostgreSQL cannot be reached")?;
    tokio::spawn(connection);
    Ok(client)
}

/// A database of the server as a URL.
pub(crate) fn url(server: &Config, name: &str) -> anyhow::Result<String> {
    let Some(Host::Tcp(host)) = server.get_hosts().first() else { bail!("name a host of PostgreSQL") };
    let (user, port) = (server.get_user().unwrap_or("postgres"), server.get_ports().first().unwrap_or(&5432));
    ensure!(server.get_password().is_none(), "name a PostgreSQL server that asks for no password");
    Ok(format!("postgres://{user}@{host}:{port}/{name}"))
}
