//! A network between a client and a server in which one thing goes wrong at a chosen moment.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What goes wrong, once.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    /// After so many bytes have gone to the server, nothing goes on until [`TroubledLine::mend`].
    StopAfter(usize),
    /// The same before a request that begins so, on any connection.
    StopBefore(&'static str, &'static str),
    /// The server's answer to such a request is lost with the connection.
    LoseAnswerTo(&'static str, &'static str),
    /// The byte after so many is another when it arrives.
    Change(usize),
}

pub(crate) struct TroubledLine {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    server: u16,
    trouble: Mutex<Option<Trouble>>,
    /// Bytes that went to the server.
    carried: Mutex<usize>,
    happened: watch::Sender<bool>,
    mended: watch::Sender<bool>,
}

impl TroubledLine {
    pub(crate) async fn before(server: u16) -> TroubledLine {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            server,
            trouble: Mutex::default(),
            carried: Mutex::default(),
            happened: watch::Sender::new(false),
            mended: watch::Sender::new(true),
        });
        let line = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(connect(client, Arc::clone(&line)));
            }
        });
        TroubledLine { port, shared }
    }

    /// Counts bytes from here on, and makes trouble once.
    pub(crate) fn expect(&self, trouble: Trouble) {
        *self.shared.carried.lock().expect("not poisoned") = 0;
        *self.shared.trouble.lock().expect("not poisoned") = Some(trouble);
        self.shared.happened.send_replace(false);
        self.shared.mended.send_replace(false);
    }

    /// Returns when it went wrong.
    pub(crate) async fn happened(&self) {
        self.shared.happened.subscribe().wait_for(|happened| *happened).await.expect("the line is there");
    }

    /// What stands still goes on.
    pub(crate) fn mend(&self) {
        self.shared.mended.send_replace(true);
    }
}

async fn connect(client: TcpStream, shared: Arc<Shared>) {
    // Without a server the client finds its connection closed, as behind any balancer.
    let Ok(server) = TcpStream::connect(("127.0.0.1", shared.server)).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let lost = watch::Sender::new(false);
    let losing = lost.subscribe();
    // Whichever side ends first ends the other.
    tokio::select! {
        () = carry_up(from_client, to_server, &shared, &lost) => {}
        () = carry_down(from_server, to_client, &shared, losing) => {}
    }
}

async fn carry_up(mut client: OwnedReadHalf, mut server: OwnedWriteHalf, shared: &Shared, lost: &watch::Sender<bool>) {
    let mut buffer = vec![0; 65_536];
    while let Ok(length @ 1..) = client.read(&mut buffer).await {
        let sent = &mut buffer[..length];
        let before = {
            let mut carried = shared.carried.lock().expect("not poisoned");
            *carried += length;
            *carried - length
        };
        match shared.due(before, sent) {
            Some(Trouble::StopAfter(_) | Trouble::StopBefore(..)) => {
                shared.happened.send_replace(true);
            }
            Some(Trouble::LoseAnswerTo(..)) => {
                lost.send_replace(true);
            }
            Some(Trouble::Change(at)) => {
                sent[at - before] ^= 1;
                shared.happened.send_replace(true);
                shared.mended.send_replace(true);
            }
            None => {}
        }
        // What went wrong on one connection stops all that comes after it.
        if *shared.happened.borrow() {
            shared.mended.subscribe().wait_for(|mended| *mended).await.expect("the line is there");
        }
        if server.write_all(sent).await.is_err() {
            return;
        }
    }
}

async fn carry_down(
    mut server: OwnedReadHalf,
    mut client: OwnedWriteHalf,
    shared: &Shared,
    lost: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 65_536];
    while let Ok(length @ 1..) = server.read(&mut buffer).await {
        if *lost.borrow() {
            shared.mended.send_replace(true);
            shared.happened.send_replace(true);
            return;
        }
        if client.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

impl Shared {
    fn due(&self, before: usize, sent: &[u8]) -> Option<Trouble> {
        let begins = |start: &str, word: &str| {
            let line = sent.split(|byte| *byte == b'\r').next().unwrap_or_default();
            line.starts_with(start.as_bytes()) && line.windows(word.len()).any(|part| part == word.as_bytes())
        };
        self.trouble.lock().expect("not poisoned").take_if(|trouble| match *trouble {
            Trouble::StopAfter(bytes) => before + sent.len() > bytes,
            Trouble::Change(at) => (before..before + sent.len()).contains(&at),
            Trouble::StopBefore(start, word) | Trouble::LoseAnswerTo(start, word) => begins(start, word),
        })
    }
}
