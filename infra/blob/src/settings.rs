//! What the program says about where blobs are kept.

use std::fmt;
use std::time::Duration;

/// Where blobs are, who may reach them, and how long anything may take.
#[derive(Clone)]
pub struct BlobSettings {
    /// `file:///folder`, `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`, without credentials.
    pub url: String,
    /// The vendor's variables, as its own tools read them from the environment: `AWS_REGION`, `AWS_ENDPOINT_URL`,
    /// `AWS_ACCESS_KEY_ID` ..; `GOOGLE_SERVICE_ACCOUNT` ..; `AZURE_STORAGE_ACCOUNT_NAME` ... Where there are no
    /// credentials among them, those of the machine or pod are asked for.
    pub variables: Vec<(String, String)>,
    /// Reaching the store, TLS included.
    pub connect_time_max: Duration,
    /// One request and its answer: 8 MiB to S3, or a whole blob.
    pub request_time_max: Duration,
    /// How often a request is sent again that did not come through or was answered with a 5xx. A blob that was taken
    /// although the answer was lost is then refused as there already, and found so.
    pub retries_max: usize,
    /// After so long nothing is sent again.
    pub retry_time_max: Duration,
}

impl BlobSettings {
    /// The usual limits for this URL, with the variables of this process.
    pub fn new(url: impl Into<String>) -> BlobSettings {
        // A variable that is not UTF-8 is nothing any vendor knows.
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            let known = ["AWS_", "GOOGLE_", "AZURE_"]
                .iter()
                .any(|vendor| name.as_encoded_bytes().starts_with(vendor.as_bytes()));
            let pair = (name.into_string().ok()?, value.into_string().ok()?);
            (known || ["SERVICE_ACCOUNT", "IDENTITY_ENDPOINT"].contains(&pair.0.as_str())).then_some(pair)
        });
        BlobSettings {
            url: url.into(),
            variables: variables.collect(),
            connect_time_max: Duration::from_secs(3),
            request_time_max: Duration::from_secs(60),
            retries_max: 3,
            retry_time_max: Duration::from_secs(10),
        }
    }

    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Without the variables, which hold credentials.
impl fmt::Debug for BlobSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("BlobSettings").field("url", &self.url).finish_non_exhaustive()
    }
}
