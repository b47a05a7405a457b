//! A node whose disk takes nothing more: its neighbours do what it can no longer do.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use carelog_tests::history::{Answer, Asked, Attempt};

use crate::stage::{BACK_MAX, Stage, either};

/// The last place of each partition that was acknowledged so far.
fn acknowledged(stage: &Stage) -> BTreeMap<u16, u64> {
    let mut last = BTreeMap::new();
    for (partition, offset) in stage.recorder.gather(|each| each.done()?.token.first().copied()) {
        let known = last.entry(partition).or_insert(offset);
        *known = offset.max(*known);
    }
    last
}

/// Waits until read models show something of each of these partitions that was acknowledged after this.
async fn shown_again(stage: &Stage, partitions: &[u16], after: &BTreeMap<u16, u64>) {
    let begun = Instant::now();
    let shown = |attempt: &Attempt| match (&attempt.asked, &attempt.answer) {
        (Asked::Model { token: (of, offset), .. }, Answer::Observed(_)) => (*offset > after[of]).then_some(*of),
        _ => None,
    };
    loop {
        let shown = stage.recorder.gather(shown);
        if partitions.iter().all(|partition| shown.contains(partition)) {
            return;
        }
        assert!(begun.elapsed() < BACK_MAX, "of {partitions:?} only {shown:?} are shown\n{}", stage.cluster.logs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_disk_fails_gives_what_it_does_to_others_and_says_why() {
    let stage = Stage::set("disk").await;
    for _ in 0..either(1, 3) {
        let node = stage.cluster.owner(0).expect("partition 0 has an owner");
        let owned = stage.cluster.owners.owned_by(&node.name);
        let failed = Instant::now();
        node.disk_fails();
        let took = stage.written_again(failed, &owned, |base| base != node.base).await;
        eprintln!("{} without a disk; {owned:?} written to again after {took:?}", node.name);
        let before = acknowledged(&stage);
        shown_again(&stage, &owned, &before).await;
        let (status, said) = node.get("/health/ready").await.expect("an answer");
        assert!(status == 503 && said["trouble"].to_string().contains("the log stopped"), "{status}: {said}");
        node.kill();
        node.start();
        node.ready().await;
    }
    stage.end().await;
}
