//! From a URL and variables to a store: what is allowed, what is always asked of the vendor, where a folder is.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use carelog_domain::ports::Failure;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, Checksum, S3ConditionalPut};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use url::{Host, Url};

use crate::failure::PORT;
use crate::only_new::OnlyNewConnector;
use crate::settings::BlobSettings;

/// A store and where in it blobs are.
pub(crate) struct Place {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) prefix: Key,
    /// Whether large blobs are sent in parts. Only to S3: the condition that nothing has the name was seen to hold there.
    /// The others take 20 MiB in one request, which carries it.
    pub(crate) in_parts: bool,
    /// The URL, for messages.
    pub(crate) shown: String,
    folder: Option<PathBuf>,
}

impl Place {
    pub(crate) fn open(settings: &BlobSettings) -> Result<Place, Failure> {
        let url = parse(&settings.url)?;
        let bucket = url.host_str().unwrap_or_default();
        let store: Arc<dyn ObjectStore> = match url.scheme() {
            "file" => {
                let path =
                    url.to_file_path().map_err(|()| refused(&settings.url, "it names no folder of this machine"))?;
                return Place::folder(&path);
            }
            _ if bucket.is_empty() => return Err(refused(&settings.url, "it names no bucket")),
            "s3" => Arc::new(s3(settings, bucket)?),
            "gs" => Arc::new(gcs(settings, bucket)?),
            "az" => Arc::new(azure(settings, bucket)?),
            _ => return Err(refused(&settings.url, "it begins with file://, s3://, gs:// or az://")),
        };
        let prefix = Key::from_url_path(url.path()).map_err(|error| refused(&settings.url, &error.to_string()))?;
        Ok(Place { store, prefix, in_parts: url.scheme() == "s3", shown: settings.url.clone(), folder: None })
    }

    pub(crate) fn folder(folder: &Path) -> Result<Place, Failure> {
        let open = || {
            std::fs::create_dir_all(folder)?;
            let whole = folder.canonicalize()?;
            // What holds the folder may be new as well.
            whole.ancestors().take(2).try_for_each(|each| File::open(each)?.sync_all())?;
            let store = LocalFileSystem::new_with_prefix(&whole).map_err(std::io::Error::other)?;
            Ok((store.with_fsync(true), whole))
        };
        let shown = folder.display().to_string();
        let (store, whole) = open().map_err(|error: std::io::Error| {
            Failure::lasting(PORT, format!("{shown} could not be opened")).caused_by(error)
        })?;
        Ok(Place { store: Arc::new(store), prefix: Key::default(), in_parts: false, shown, folder: Some(whole) })
    }

    /// Fails when the folder itself has gone, such as a disk that is not mounted: what was in it is not missing then, and
    /// must not be kept in a new one.
    pub(crate) fn check_folder(&self) -> Result<(), Failure> {
        match &self.folder {
            Some(folder) if !folder.is_dir() => {
                Err(Failure::passing(PORT, format!("{} is gone; mount or restore it", self.shown)))
            }
            _ => Ok(()),
        }
    }

    /// Syncs a file of the folder that somebody else made, and its folder; a bucket has done so when it shows a blob.
    pub(crate) async fn sync(&self, key: &Key) -> Result<(), Failure> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let path = folder.join(key.as_ref());
        let shown = path.display().to_string();
        let sync = move || path.ancestors().take(3).try_for_each(|each| File::open(each)?.sync_all());
        let synced = tokio::task::spawn_blocking(sync).await.map_err(std::io::Error::other).flatten();
        synced.map_err(|error| Failure::passing(PORT, format!("{shown} could not be synced")).caused_by(error))
    }
}

fn parse(text: &str) -> Result<Url, Failure> {
    // What may hold a password is not shown.
    let url: Url = text.parse().map_err(|error: url::ParseError| refused("the URL", &error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("the URL", "it holds credentials; those go into the vendor's variables"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refused(text, "it ends with the prefix; regions and endpoints go into the vendor's variables"));
    }
    Ok(url)
}

fn s3(settings: &BlobSettings, bucket: &str) -> Result<impl ObjectStore + use<>, Failure> {
    let builder = AmazonS3Builder::new();
    let builder = configured(builder, settings, "AWS_", |builder, key, value| builder.with_config(key, value));
    let endpoint = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint];
    let endpoint = endpoint.iter().find_map(|key| builder.get_config_value(key));
    let builder = builder
        .with_bucket_name(bucket)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_checksum_algorithm(Checksum::SHA256)
        .with_unsigned_payload(false)
        .with_http_connector(OnlyNewConnector)
        .with_client_options(client(settings, endpoint.as_deref())?)
        .with_retry(retries(settings));
    builder.build().map_err(|error| unprepared(&settings.url, error))
}

fn gcs(settings: &BlobSettings, bucket: &str) -> Result<impl ObjectStore + use<>, Failure> {
    let mut builder = GoogleCloudStorageBuilder::new();
    if let Some(path) = settings.variable("SERVICE_ACCOUNT") {
        builder = builder.with_service_account_path(path);
    }
    let builder = configured(builder, settings, "GOOGLE_", |builder, key: GoogleConfigKey, value| {
        builder.with_config(key, value)
    });
    let endpoint = builder.get_config_value(&GoogleConfigKey::BaseUrl);
    let builder = builder
        .with_bucket_name(bucket)
        .with_client_options(client(settings, endpoint.as_deref())?)
        .with_retry(retries(settings));
    builder.build().map_err(|error| unprepared(&settings.url, error))
}

fn azure(settings: &BlobSettings, container: &str) -> Result<impl ObjectStore + use<>, Failure> {
    let mut builder = MicrosoftAzureBuilder::new();
    if let Some(endpoint) = settings.variable("IDENTITY_ENDPOINT") {
        builder = builder.with_msi_endpoint(endpoint);
    }
    let builder =
        configured(builder, settings, "AZURE_", |builder, key: AzureConfigKey, value| builder.with_config(key, value));
    let endpoint = builder.get_config_value(&AzureConfigKey::Endpoint);
    let builder = builder
        .with_container_name(container)
        // It would allow http to any host; one of this machine can be given as the endpoint.
        .with_use_emulator(false)
        .with_client_options(client(settings, endpoint.as_deref())?)
        .with_retry(retries(settings));
    builder.build().map_err(|error| unprepared(&settings.url, error))
}

/// As each builder's `from_env`: variables of the vendor that the builder knows, the others are left alone.
fn configured<B, K: FromStr>(builder: B, settings: &BlobSettings, vendor: &str, with: impl Fn(B, K, String) -> B) -> B {
    settings.variables.iter().filter(|(name, _)| name.starts_with(vendor)).fold(builder, |builder, (name, value)| {
        match name.to_ascii_lowercase().parse() {
            Ok(key) => with(builder, key, value.clone()),
            Err(_) => builder,
        }
    })
}

fn client(settings: &BlobSettings, endpoint: Option<&str>) -> Result<ClientOptions, Failure> {
    let options = ClientOptions::new().with_connect_timeout(settings.connect_time_max);
    Ok(options.with_timeout(settings.request_time_max).with_allow_http(is_plain_and_here(endpoint)?))
}

fn retries(settings: &BlobSettings) -> RetryConfig {
    let backoff = BackoffConfig { max_backoff: Duration::from_secs(2), ..BackoffConfig::default() };
    RetryConfig { backoff, max_retries: settings.retries_max, retry_timeout: settings.retry_time_max }
}

/// True for an endpoint without TLS on this machine; refuses one anywhere else, which would send credentials' signatures
/// and sealed files past strangers.
fn is_plain_and_here(endpoint: Option<&str>) -> Result<bool, Failure> {
    let Some(text) = endpoint else { return Ok(false) };
    let url: Url = text.parse().map_err(|error: url::ParseError| refused("the endpoint", &error.to_string()))?;
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(false),
        "http" if here => Ok(true),
        _ => Err(refused(text, "an endpoint begins with https://, and with http:// on this machine alone")),
    }
}

fn unprepared(url: &str, error: object_store::Error) -> Failure {
    refused(url, "one of the vendor's variables is missing or wrong").caused_by(error)
}

fn refused(what: &str, why: &str) -> Failure {
    Failure::lasting(PORT, format!("{what} cannot be used for blobs: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(url: &str, variables: &[(&str, &str)]) -> Result<Place, Failure> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Place::open(&BlobSettings { variables, ..BlobSettings::new(url) })
    }

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for endpoint in
            ["http://127.0.0.1:7070", "http://localhost:7070", "http://[::1]:7070", "https://s3.chain.example"]
        {
            assert!(open("s3://blobs", &[("AWS_ENDPOINT_URL", endpoint)]).is_ok(), "{endpoint}");
        }
        for name in ["AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"] {
            let failure = open("s3://blobs", &[(name, "http://10.0.0.7:7070"), ("AWS_ALLOW_HTTP", "true")]);
            let failure = failure.err().expect("refused");
            assert!(!failure.retry_helps && failure.message.contains("https://"), "{failure}");
        }
    }

    #[test]
    fn what_is_no_place_for_blobs_is_refused_without_showing_a_password() {
        for url in
            ["", "blobs", "ftp://blobs/", "s3:///prefix", "file://elsewhere/blobs", "s3://blobs?region=x", "memory:///"]
        {
            assert!(open(url, &[]).is_err(), "{url}");
        }
        let failure = open("s3://key:hunter2@blobs", &[]).err().expect("refused");
        assert!(failure.message.contains("variables") && !format!("{failure:?}").contains("hunter2"), "{failure:?}");
    }

    #[test]
    fn a_prefix_comes_before_every_name() {
        let place = open("s3://blobs/chain/a", &[]).expect("a place");
        assert_eq!((place.prefix.as_ref(), place.in_parts), ("chain/a", true));
    }
}
