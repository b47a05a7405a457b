//! The chart over a line to its store that is cut for good at some request: whatever was being done, the checkpoint is not
//! ahead of the items.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use carelog_domain::ports::DocumentStore;
use carelog_tests::servers::dynamodb::DynamoServer;
use carelog_tests::servers::faulty_line::{Fate, faulty_line};
use tokio::sync::Notify;

use crate::models::history::history;
use crate::models::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_cut_anywhere_leaves_no_checkpoint_ahead_of_its_items() {
    // The first put names the live set.
    for cut in [1, 4, 9, 15, 22] {
        let (server, table) = (DynamoServer::shared(), DynamoServer::table());
        let sound: Arc<dyn DocumentStore> = Arc::new(DynamoServer::documents(server.port, &table).await);
        let (puts, is_cut) = (AtomicU32::new(0), Arc::new(Notify::new()));
        let told = Arc::clone(&is_cut);
        let line = faulty_line(server.port, move |operation, _| {
            if operation != "PutItem" || puts.fetch_add(1, Ordering::SeqCst) < cut {
                return Fate::Pass;
            }
            told.notify_one();
            Fate::Cut
        });
        let cut_off: Arc<dyn DocumentStore> = Arc::new(DynamoServer::documents(line.await, &table).await);
        let world = World { documents: cut_off, ..World::new(4) };
        world.append_all(&history(6)).await;
        let projections = world.start().await;
        let waited = tokio::time::timeout(Duration::from_secs(60), is_cut.notified()).await;
        assert!(waited.is_ok(), "there are more than {cut} puts");
        projections.stop().await;

        let world = World { documents: sound, ..world };
        let projections = world.start().await;
        world.settle(&projections).await;
        projections.stop().await;
        let beside = world.beside();
        let projections = beside.start().await;
        beside.settle(&projections).await;
        projections.stop().await;
        assert_eq!(world.rows().await, beside.rows().await, "cut after {cut}");
    }
}
