//! Where reading can go on after a start: for places of the local log, how far Kafka had been read. Advice only; every
//! point is checked against the local log, and without one reading begins at the beginning.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use carelog_domain::kernel::Partition;
use serde::{Deserialize, Serialize};

use crate::error::OpenError;
use crate::record::Ownership;

const FORMAT: u32 = 1;
/// Its name in the folder of the local log.
pub(crate) const FILE: &str = "kafka-points";
/// So many points of a partition are kept: after a loss of power the newest may be beyond what the disk kept.
const KEPT: usize = 8;

/// Of which topic the local log is the state.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Home {
    format: u32,
    pub(crate) cluster: String,
    pub(crate) topic: String,
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
}

/// The points of all partitions, in a file of the local log's folder.
pub(crate) struct Points {
    path: PathBuf,
    home: Home,
    points: Vec<Point>,
}

impl Home {
    pub(crate) fn new(cluster: String, topic: String) -> Home {
        Home { format: FORMAT, cluster, topic }
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
            Some(found) if found != home => {
                let (found, asked) = (found.to_string(), home.to_string());
                return Err(OpenError::OtherCluster { folder: folder.to_owned(), found, asked });
            }
            Some(_) => lines.filter_map(|line| serde_json::from_str(line).ok()).collect(),
            None => vec![],
        };
        Ok(Points { path, home, points })
    }

    /// Reads the points of a folder, of whatever topic they are.
    pub(crate) fn of_any_home(folder: &Path, home: Home) -> Points {
        let path = folder.join(FILE);
        let text = fs::read_to_string(&path).unwrap_or_default();
        let points = text.lines().skip(1).filter_map(|line| serde_json::from_str(line).ok()).collect();
        Points { path, home, points }
    }

    /// The points of a partition, newest first.
    pub(crate) fn of(&self, partition: Partition) -> impl Iterator<Item = &Point> {
        self.points.iter().rev().filter(move |point| point.partition == partition.0)
    }

    /// Adds a point and lets go of the oldest.
    pub(crate) fn add(&mut self, point: Point) {
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
        Point { partition, size, root: "ab".to_owned(), read_to: size as i64 + 1, owner: None }
    }

    #[test]
    fn the_newest_points_of_each_partition_are_kept_and_a_foreign_folder_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::new("cluster-a".to_owned(), "carelog.log".to_owned());
        let mut points = Points::load(folder.path(), home.clone()).expect("none yet");
        points.add(point(1, 5));
        (0..20).for_each(|size| points.add(point(0, size)));
        points.save().expect("saved");
        let again = Points::load(folder.path(), home).expect("read");
        assert_eq!(
            again.of(Partition(0)).map(|point| point.size).collect::<Vec<_>>(),
            (12..20).rev().collect::<Vec<_>>()
        );
        assert_eq!(again.of(Partition(1)).count(), 1);
        let other = Home::new("cluster-b".to_owned(), "carelog.log".to_owned());
        assert!(matches!(Points::load(folder.path(), other), Err(OpenError::OtherCluster { .. })));
    }
}
