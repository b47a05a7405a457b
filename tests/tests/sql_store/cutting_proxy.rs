//! A network between store and server that can be cut at a chosen moment: when a chosen text has gone to the server and
//! the server has answered it, but before the answer comes back. Or it is silent: it takes everything, and nothing comes out.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub(crate) struct CuttingProxy {
    pub(crate) port: u16,
    after: Arc<Mutex<Option<String>>>,
    silent: watch::Sender<bool>,
}

impl CuttingProxy {
    pub(crate) async fn before(server: u16) -> CuttingProxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (after, silent) = (Arc::new(Mutex::new(None)), watch::Sender::new(false));
        let (cut, heard) = (Arc::clone(&after), silent.subscribe());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server, Arc::clone(&cut), heard.clone()));
            }
        });
        CuttingProxy { port, after, silent }
    }

    /// Cuts the connection over which this text goes next, once.
    pub(crate) fn cut_after(&self, text: &str) {
        *self.after.lock().expect("not poisoned") = Some(text.to_owned());
    }

    /// Holds back what is said from now on, or lets it all through.
    pub(crate) fn silence(&self, silent: bool) {
        self.silent.send_replace(silent);
    }
}

async fn carry(mut client: TcpStream, server: u16, cut: Arc<Mutex<Option<String>>>, mut silent: watch::Receiver<bool>) {
    let mut server = TcpStream::connect(("127.0.0.1", server)).await.expect("the server");
    let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let Ok(length @ 1..) = read else { return };
                let Ok(_) = silent.wait_for(|silent| !silent).await else { return };
                let sent = &up[..length];
                let found = |text: &mut String| sent.windows(text.len()).any(|part| part == text.as_bytes());
                let cut = cut.lock().expect("not poisoned").take_if(found).is_some();
                if server.write_all(sent).await.is_err() {
                    return;
                }
                if cut {
                    let answered = server.read(&mut down).await;
                    assert!(answered.is_ok_and(|length| length > 0), "the server did what it was asked");
                    return;
                }
            }
            read = server.read(&mut down) => {
                let Ok(length @ 1..) = read else { return };
                let Ok(_) = silent.wait_for(|silent| !silent).await else { return };
                if client.write_all(&down[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}
