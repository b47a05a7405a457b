//! Which topics are read together: those at the same place in the log. A new topic begins at 0 while the others are far
//! ahead; it reads up to where they are and then goes with them, and they do not wait for it.

use std::collections::BTreeMap;

/// Topics at one place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Group {
    /// Where they are.
    pub(crate) from: u64,
    /// Where the next ones are, if any are further.
    pub(crate) until: Option<u64>,
    pub(crate) topics: Vec<&'static str>,
}

/// The groups, from the one furthest behind on.
pub(crate) fn groups(places: &BTreeMap<&'static str, u64>) -> Vec<Group> {
    let mut by_place: BTreeMap<u64, Vec<&'static str>> = BTreeMap::new();
    for (topic, place) in places {
        by_place.entry(*place).or_default().push(topic);
    }
    let nexts: Vec<u64> = by_place.keys().skip(1).copied().collect();
    let group = |(index, (from, topics))| Group { from, until: nexts.get(index).copied(), topics };
    by_place.into_iter().enumerate().map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_topic_reads_up_to_where_the_others_are() {
        let places = BTreeMap::from([("a", 90), ("b", 0), ("c", 90)]);
        let behind = Group { from: 0, until: Some(90), topics: vec!["b"] };
        let ahead = Group { from: 90, until: None, topics: vec!["a", "c"] };
        assert_eq!(groups(&places), [behind, ahead]);
    }

    #[test]
    fn topics_at_one_place_are_read_once() {
        let places = BTreeMap::from([("a", 7), ("b", 7)]);
        assert_eq!(groups(&places), [Group { from: 7, until: None, topics: vec!["a", "b"] }]);
    }
}
