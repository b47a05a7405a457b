//! Ending at the server what nobody waits for any more.
//!
//! The driver's own cancellation hangs up as soon as it has spoken, and pgbouncer forgets what a client that hung up has
//! asked for. Here the line is kept until the other side has hung up, as libpq does.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio_postgres::CancelToken;
use tokio_postgres::config::Host;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::address::Address;

/// Sends cancellations to an address.
#[derive(Clone)]
pub(crate) struct Canceller {
    hosts: Vec<(Host, u16)>,
    tls: MakeRustlsConnect,
}

impl Canceller {
    pub(crate) fn new(address: &Address, tls: MakeRustlsConnect) -> Canceller {
        Canceller { hosts: address.hosts(), tls }
    }

    /// Cancels what the connection of this token is doing. Which of several hosts that is, is not known: the others do not
    /// know the token and take no notice.
    pub(crate) async fn cancel(&self, token: &CancelToken) -> io::Result<()> {
        for (host, port) in &self.hosts {
            match host {
                Host::Tcp(name) => {
                    let socket = TcpStream::connect((name.as_str(), *port)).await?.into_std()?;
                    let kept = TcpStream::from_std(socket.try_clone()?)?;
                    self.send(token, TcpStream::from_std(socket)?, kept, name).await?;
                }
                #[cfg(unix)]
                Host::Unix(folder) => {
                    let path = folder.join(format!(".s.PGSQL.{port}"));
                    let socket = UnixStream::connect(path).await?.into_std()?;
                    let kept = UnixStream::from_std(socket.try_clone()?)?;
                    self.send(token, UnixStream::from_std(socket)?, kept, "").await?;
                }
            }
        }
        Ok(())
    }

    /// Asks, and waits for the end of the line, of which `kept` is a second handle.
    async fn send<S>(&self, token: &CancelToken, stream: S, mut kept: S, name: &str) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut tls = self.tls.clone();
        let tls = MakeTlsConnect::<Staying<S>>::make_tls_connect(&mut tls, name).map_err(io::Error::other)?;
        token.cancel_query_raw(Staying(stream), tls).await.map_err(io::Error::other)?;
        let mut rest = Vec::new();
        // However it ends: the other side has done with it.
        let _ = kept.read_to_end(&mut rest).await;
        Ok(())
    }
}

/// A stream that does not hang up when it is told that there is nothing more to say.
struct Staying<S>(S);

impl<S: AsyncRead + Unpin> AsyncRead for Staying<S> {
    fn poll_read(mut self: Pin<&mut Self>, ctx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(ctx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Staying<S> {
    fn poll_write(mut self: Pin<&mut Self>, ctx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(ctx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(ctx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(ctx)
    }
}
