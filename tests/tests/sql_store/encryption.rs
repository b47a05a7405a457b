//! TLS against a real server whose certificate comes from an authority made here, and what each `sslmode` makes of it.

use carelog_domain::ports::{Failure, SqlStore};
use carelog_postgres::{PostgresSettings, PostgresStore};
use carelog_tests::servers::guard::give_to_server_user;
use carelog_tests::servers::postgres::PostgresServer;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::postgres::plain;

struct Encrypted {
    server: PostgresServer,
    folder: tempfile::TempDir,
}

impl Encrypted {
    /// A server that takes TLS alone, with a certificate for `localhost`, and passwords.
    async fn start() -> Encrypted {
        let server = PostgresServer::start("");
        server
            .client("postgres")
            .await
            .batch_execute("CREATE USER keeper SUPERUSER PASSWORD 'of:secrets'")
            .await
            .expect("made");
        let folder = tempfile::tempdir().expect("a folder");
        let ours = authority("ours");
        std::fs::write(folder.path().join("ours.pem"), ours.pem()).expect("written");
        std::fs::write(folder.path().join("theirs.pem"), authority("theirs").pem()).expect("written");
        let key = KeyPair::generate().expect("a key");
        let certificate =
            CertificateParams::new(["localhost".to_owned()]).expect("a name").signed_by(&key, &ours).expect("signed");
        let write = |name: &str, text: &str, mode: u32| {
            let path = server.folder().join("data").join(name);
            std::fs::write(&path, text).expect("written");
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).expect("ours");
            give_to_server_user(&path);
        };
        write("server.crt", &certificate.pem(), 0o644);
        write("server.key", &key.serialize_pem(), 0o600);
        write("pg_hba.conf", "hostssl all all 127.0.0.1/32 scram-sha-256\n", 0o600);
        write("postgresql.auto.conf", "ssl = on\n", 0o600);
        server.stop("fast");
        server.go();
        Encrypted { server, folder }
    }

    async fn connect(&self, host: &str, parameters: &str) -> Result<PostgresStore, Failure> {
        let url = format!("postgres://keeper:of%3Asecrets@{host}:{}/postgres?{parameters}", self.server.port);
        PostgresStore::connect(PostgresSettings::new(url)).await
    }

    fn trusting(&self, authority: &str) -> String {
        format!("sslrootcert={}", self.folder.path().join(authority).display())
    }
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut parameters = CertificateParams::new(Vec::new()).expect("no names");
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().expect("a key")).expect("signed")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_sslmode_trusts_whom_it_says() {
    let encrypted = Encrypted::start().await;
    let (ours, theirs) = (encrypted.trusting("ours.pem"), encrypted.trusting("theirs.pem"));
    let taken = [
        ("localhost", format!("sslmode=verify-full&{ours}")),
        ("127.0.0.1", format!("sslmode=verify-ca&{ours}")),
        ("127.0.0.1", format!("sslmode=require&{ours}")),
        ("127.0.0.1", "sslmode=require".to_owned()),
        ("127.0.0.1", "sslmode=prefer".to_owned()),
        ("127.0.0.1", String::new()),
    ];
    for (host, parameters) in taken {
        let store = encrypted.connect(host, &parameters).await;
        let store = store.unwrap_or_else(|failure| panic!("{host} {parameters}: {failure} {:?}", failure.source));
        let query = "SELECT count(*) FROM pg_stat_ssl WHERE ssl AND pid = pg_backend_pid()";
        let found = store.read(plain(query)).await.expect("read");
        assert_eq!(found[0].rows[0][0].int(), Some(1), "{parameters} is encrypted");
    }
    let refused = [
        ("127.0.0.1", format!("sslmode=verify-full&{ours}"), "not valid for name"),
        ("localhost", format!("sslmode=verify-full&{theirs}"), "UnknownIssuer"),
        ("127.0.0.1", format!("sslmode=verify-ca&{theirs}"), "UnknownIssuer"),
        ("127.0.0.1", format!("sslmode=require&{theirs}"), "UnknownIssuer"),
        ("localhost", "sslmode=verify-full".to_owned(), "UnknownIssuer"),
        ("127.0.0.1", "sslmode=disable".to_owned(), "pg_hba.conf"),
        ("localhost", "sslmode=verify-full&sslrootcert=/nowhere.pem".to_owned(), "sslrootcert"),
    ];
    for (host, parameters, why) in refused {
        let failure =
            encrypted.connect(host, &parameters).await.err().unwrap_or_else(|| panic!("{host} {parameters} was taken"));
        let whole = format!("{failure} {:?}", failure.source);
        assert!(whole.contains(why), "{host} {parameters}: {whole}");
        assert!(!whole.contains("of:secrets") && !whole.contains("of%3Asecrets"), "{whole}");
    }
}
