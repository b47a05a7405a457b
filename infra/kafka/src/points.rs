//! Where reading can go on after a start: for places of the local log, how far Kafka had been read. Advice only; every
//! point is checked against the local log, and without one reading begins at the beginning.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use carelog_domain::kernel::Partition;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::OpenError;
use crate::record::Ownership;

const FORMAT: u32 = 1;
/// Its name in the folder of the local log.
pub(crate) const FILE: &str = "kafka-points";
/// So many points of a partition are kept: after a loss of power the newest may be beyond what the disk kept.
const KEPT: usize = 8;

/// Of which topic the local log is the state.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Home {
    format: u32,
    pub(crate) cluster: String,
    pub(crate) topic: String,
    /// What Kafka gave the topic when it was made; brokers before 2.8 know none. Kept with each point.
    #[serde(skip)]
    pub(crate) topic_id: Option<String>,
}

/// A place between two batches.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Point {
    pub(crate) partition: u16,
    /// Frames of the local log.
    pub(crate) size: u64,
    /// Their Merkle root, in hex.
    pub(crate) root: String,
    /// The Kafka offset to read next.
    pub(crate) read_to: i64,
    /// Who owned the partition there.
    pub(crate) owner: Option<Ownership>,
    /// The id that the topic had.
    #[serde(default)]
    pub(crate) topic_id: Option<String>,
}

impl Point {
    /// False when the topic was deleted and made anew since.
    fn is_in(&self, home: &Home) -> bool {
        self.topic_id.as_ref().zip(home.topic_id.as_ref()).is_none_or(|(was, is)| was == is)
    }
}

/// The points of all partitions, in a file of the local log's folder.
pub(crate) struct Points {
    path: PathBuf,
    home: Home,
    points: Vec<Point>,
}

impl Home {
    pub(crate) fn new(cluster: String, topic: String, topic_id: Option<String>) -> Home {
        Home { format: FORMAT, cluster, topic, topic_id }
    }

    fn has_names_of(&self, other: &Home) -> bool {
        self.cluster == other.cluster && self.topic == other.topic
    }
}

impl std::fmt::Display for Home {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "topic {} on cluster {}", self.topic, self.cluster)
    }
}

impl Points {
    /// Reads the points of a folder; refused if they are of another topic or cluster. What cannot be read is left out.
    pub(crate) fn load(folder: &Path, home: Home) -> Result<Points, OpenError> {
        let path = folder.join(FILE);
        let text = fs::read_to_string(&path).unwrap_or_default();
        let mut lines = text.lines();
        let found: Option<Home> = lines.next().and_then(|line| serde_json::from_str(line).ok());
        let points = match found {
            Some(found) if found.format != FORMAT => vec![],
            Some(found) if !found.has_names_of(&home) => {
                let (found, asked) = (found.to_string(), home.to_string());
                return Err(OpenError::OtherCluster { folder: folder.to_owned(), found, asked });
            }
            Some(_) => lines.filter_map(|line| serde_json::from_str(line).ok()).collect(),
            None => vec![],
        };
        let points = Points { path, home, points };
        if points.know_another_topic() {
            let is = points.home.topic_id.as_deref();
            tracing::warn!(is, "the topic was deleted and made anew: what it holds is compared");
        }
        Ok(points)
    }

    /// The points of a folder that has none yet.
    pub(crate) fn none(folder: &Path, home: Home) -> Points {
        Points { path: folder.join(FILE), home, points: vec![] }
    }

    /// Reads the points of a folder, of whatever topic they are.
    pub(crate) fn of_any_home(folder: &Path, home: Home) -> Points {
        let path = folder.join(FILE);
        let text = fs::read_to_string(&path).unwrap_or_default();
        let points = text.lines().skip(1).filter_map(|line| serde_json::from_str(line).ok()).collect();
        Points { path, home, points }
    }

    /// The points of a partition, newest first; not those of a topic that was made anew since, which has nothing there.
    pub(crate) fn of(&self, partition: Partition) -> impl Iterator<Item = &Point> {
        self.of_any_topic(partition).filter(|point| point.is_in(&self.home))
    }

    /// The lineage of a partition, whatever became of the topic.
    pub(crate) fn lineage(&self, partition: Partition) -> Option<Uuid> {
        self.of_any_topic(partition).find_map(|point| Some(point.owner.as_ref()?.lineage))
    }

    /// True when nothing was noted of some partition since the topic was made anew.
    fn know_another_topic(&self) -> bool {
        let newest = |point: &Point| self.of_any_topic(Partition(point.partition)).next();
        self.points.iter().any(|point| newest(point).is_some_and(|newest| !newest.is_in(&self.home)))
    }

    fn of_any_topic(&self, partition: Partition) -> impl Iterator<Item = &Point> {
        self.points.iter().rev().filter(move |point| point.partition == partition.0)
    }

    /// Adds a point, if it is a new one, and lets go of the oldest.
    pub(crate) fn add(&mut self, point: Point) {
        let point = Point { topic_id: self.home.topic_id.clone(), ..point };
        if self.of(Partition(point.partition)).next() == Some(&point) {
            return;
        }
        let same = |known: &&Point| known.partition == point.partition;
        if self.points.iter().filter(same).count() >= KEPT
            && let Some(oldest) = self.points.iter().position(|known| known.partition == point.partition)
        {
            self.points.remove(oldest);
        }
        self.points.push(point);
    }

    /// Writes the file anew, under another name first.
    pub(crate) fn save(&self) -> Result<(), OpenError> {
        let io = |doing: &'static str| {
            let path = self.path.clone();
            move |source| OpenError::Io { doing, path, source }
        };
        let beside = self.path.with_extension("new");
        let mut file = fs::File::create(&beside).map_err(io("create"))?;
        let mut text = serde_json::to_string(&self.home).unwrap_or_default();
        for point in &self.points {
            text.push('\n');
            text.push_str(&serde_json::to_string(point).unwrap_or_default());
        }
        file.write_all(text.as_bytes()).map_err(io("write to"))?;
        file.sync_all().map_err(io("sync"))?;
        fs::rename(&beside, &self.path).map_err(io("rename"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(partition: u16, size: u64) -> Point {
        Point { partition, size, root: "ab".to_owned(), read_to: size as i64 + 1, owner: None, topic_id: None }
    }

    fn at(cluster: &str, id: Option<&str>) -> Home {
        Home::new(cluster.to_owned(), "carelog.log".to_owned(), id.map(str::to_owned))
    }

    #[test]
    fn the_newest_points_of_each_partition_are_kept_and_a_foreign_folder_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = at("cluster-a", Some("first"));
        let mut points = Points::load(folder.path(), home.clone()).expect("none yet");
        points.add(point(1, 5));
        (0..20).for_each(|size| points.add(point(0, size)));
        points.save().expect("saved");
        let again = Points::load(folder.path(), home).expect("read");
        let of_one = |home: Home| Points::load(folder.path(), home).map(|points| points.of(Partition(0)).count());
        assert_eq!(
            again.of(Partition(0)).map(|point| point.size).collect::<Vec<_>>(),
            (12..20).rev().collect::<Vec<_>>()
        );
        assert_eq!(again.of(Partition(1)).count(), 1);
        assert!(matches!(of_one(at("cluster-b", Some("first"))), Err(OpenError::OtherCluster { .. })));
        assert!(matches!(of_one(at("cluster-a", None)), Ok(KEPT)), "a broker that has no ids");
        assert!(matches!(of_one(at("cluster-a", Some("second"))), Ok(0)), "its places are those of another topic");
    }

    #[test]
    fn a_topic_that_was_made_anew_takes_no_lineage_away() {
        let folder = tempfile::tempdir().expect("a folder");
        let lineage = Uuid::now_v7();
        let root = carelog_domain::ports::Root([0; 32]);
        let owner = |lineage| Some(Ownership::claim(1, ("north", "north.example"), lineage, 2, (0, root)));
        let mut points = Points::load(folder.path(), at("cluster-a", Some("first"))).expect("none yet");
        points.add(Point { owner: owner(lineage), ..point(0, 5) });
        points.save().expect("saved");
        // A start that stops at partition 0, with something to note of partition 1.
        let mut points = Points::load(folder.path(), at("cluster-a", Some("second"))).expect("read");
        points.add(Point { owner: owner(Uuid::now_v7()), ..point(1, 1) });
        assert!(points.know_another_topic());
        points.save().expect("saved");
        let mut points = Points::load(folder.path(), at("cluster-a", Some("second"))).expect("read");
        assert_eq!((points.of(Partition(0)).count(), points.of(Partition(1)).count()), (0, 1));
        assert_eq!(points.lineage(Partition(0)), Some(lineage));
        points.add(point(0, 5));
        assert!(!points.know_another_topic(), "it is said until each partition was read anew");
    }
}
