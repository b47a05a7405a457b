//! A line between two processes that a test can hold or cut: whatever goes through is carried on byte by byte, nothing while
//! it is held, and what is cut is closed for both.
//!
//! A held line is a network that drops packets: connections stay, nothing arrives, and what was sent arrives when the
//! network is there again, as TCP sends it anew.

use std::sync::{Arc, LazyLock};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

/// Lines go on while a test blocks its own runtime.
static CARRIER: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime"));

/// What becomes of what is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// It arrives.
    Open,
    /// It does not arrive as long as this lasts.
    Held,
    /// Connections are closed.
    Cut,
}

/// Opens and closes any number of lines at once.
#[derive(Clone)]
pub struct Switch(Arc<watch::Sender<Way>>);

impl Default for Switch {
    fn default() -> Switch {
        Switch(Arc::new(watch::Sender::new(Way::Open)))
    }
}

impl Switch {
    /// From now on.
    pub fn set(&self, way: Way) {
        self.0.send_replace(way);
    }
}

/// The lines of a node.
#[derive(Clone, Default)]
pub struct Lines {
    /// All of them.
    pub all: Switch,
    /// Those to the brokers.
    pub kafka: Switch,
}

/// Opens a line to a port of loopback and returns its own; it ends with the process. All switches must be open.
pub fn line(target: u16, switches: &[&Switch]) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    listener.set_nonblocking(true).expect("a socket");
    let ways: Vec<watch::Receiver<Way>> = switches.iter().map(|switch| switch.0.subscribe()).collect();
    CARRIER.spawn(async move {
        let listener = TcpListener::from_std(listener).expect("a socket");
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(connection(client, target, ways.clone()));
        }
    });
    port
}

async fn connection(client: TcpStream, target: u16, mut ways: Vec<watch::Receiver<Way>>) {
    if pass(&mut ways).await.is_err() {
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", target)).await else { return };
    // Small requests would wait for each other.
    if client.set_nodelay(true).and(server.set_nodelay(true)).is_err() {
        return;
    }
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    // When one direction ends, for whatever reason, so does the other.
    tokio::select! {
        () = carry(from_client, to_server, ways.clone()) => {}
        () = carry(from_server, to_client, ways) => {}
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut ways: Vec<watch::Receiver<Way>>) {
    let mut changes = ways.clone();
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let read = tokio::select! {
            read = from.read(&mut bytes) => read,
            () = cut(&mut changes) => return,
        };
        let Ok(length @ 1..) = read else { return };
        if pass(&mut ways).await.is_err() || to.write_all(&bytes[..length]).await.is_err() {
            return;
        }
    }
}

struct Closed;

/// Waits while any switch holds the line.
async fn pass(ways: &mut [watch::Receiver<Way>]) -> Result<(), Closed> {
    for way in ways {
        let now = *way.wait_for(|way| *way != Way::Held).await.map_err(|_| Closed)?;
        if now == Way::Cut {
            return Err(Closed);
        }
    }
    Ok(())
}

/// Until any switch cuts the line.
async fn cut(ways: &mut [watch::Receiver<Way>]) {
    let each = ways.iter_mut().map(|way| Box::pin(async { drop(way.wait_for(|way| *way == Way::Cut).await) }));
    futures::future::select_all(each).await;
}
