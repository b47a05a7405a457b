//! The condition "only if nothing has this name" for uploads in parts. `object_store` sends it with a blob in one request,
//! but has no way to say it when parts are put together, though S3 checks it there too; so it is added on the way out.

use async_trait::async_trait;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};
use object_store::{ClientOptions, HeaderValue};

/// Connects as always, through [`OnlyNew`].
#[derive(Debug, Default)]
pub(crate) struct OnlyNewConnector;

impl HttpConnector for OnlyNewConnector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(OnlyNew(ReqwestConnector::default().connect(options)?)))
    }
}

#[derive(Debug)]
struct OnlyNew(HttpClient);

#[async_trait]
impl HttpService for OnlyNew {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if completes_an_upload(&request) {
            // Not among the headers that S3's signature covers.
            request.headers_mut().insert("if-none-match", HeaderValue::from_static("*"));
        }
        self.0.execute(request).await
    }
}

fn completes_an_upload(request: &HttpRequest) -> bool {
    let query = request.uri().query().unwrap_or_default();
    request.method().as_str() == "POST" && query.split('&').any(|pair| pair.starts_with("uploadId="))
}
