//! What a process does. One process has every role by default; on a shared log they can be split over processes, so that
//! each is scaled by itself.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// One of the things a process may do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Role {
    /// Decides commands, for the partitions it owns.
    Commands,
    /// Answers queries.
    Queries,
    /// Keeps read models up.
    Projections,
    /// Carries on what commands began.
    Sagas,
    /// Publishes to public topics.
    Publisher,
}

impl Role {
    /// Every role.
    pub(crate) const ALL: [Role; 5] = [Role::Commands, Role::Queries, Role::Projections, Role::Sagas, Role::Publisher];

    /// Its name in settings and groups.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Role::Commands => "commands",
            Role::Queries => "queries",
            Role::Projections => "projections",
            Role::Sagas => "sagas",
            Role::Publisher => "publisher",
        }
    }
}

/// The roles of a process: a list, or a text with commas between them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Roles(Vec<String>);

impl Roles {
    /// Whether a role is among them.
    pub(crate) fn has(&self, role: Role) -> bool {
        self.0.iter().any(|word| word == role.word())
    }

    /// Whether none is missing.
    pub(crate) fn are_all(&self) -> bool {
        Role::ALL.iter().all(|role| self.has(*role))
    }
}

impl Default for Roles {
    fn default() -> Roles {
        Roles(Role::ALL.map(|role| role.word().to_owned()).to_vec())
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

impl<'de> Deserialize<'de> for Roles {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Roles, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Text(String),
            List(Vec<String>),
        }
        let words = match Written::deserialize(deserializer)? {
            Written::Text(text) => text.split(',').map(|word| word.trim().to_owned()).collect(),
            Written::List(words) => words,
        };
        Roles::of(words).map_err(serde::de::Error::custom)
    }
}

impl Roles {
    fn of(words: Vec<String>) -> Result<Roles, String> {
        let known = Role::ALL.map(Role::word);
        let distinct: BTreeSet<&str> = words.iter().map(String::as_str).collect();
        match distinct.iter().find(|word| !known.contains(word)) {
            Some(unknown) => Err(format!("{unknown:?} is none; they are {}", known.join(", "))),
            None if distinct.is_empty() => Err(format!("give at least one of {}", known.join(", "))),
            None => Ok(Roles(distinct.into_iter().map(str::to_owned).collect())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Roles, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn roles_are_a_list_or_a_text_with_commas() {
        let two = read(r#""commands, queries""#).expect("roles");
        assert_eq!(two, read(r#"["queries", "commands"]"#).expect("roles"));
        assert!(two.has(Role::Commands) && !two.has(Role::Sagas) && !two.are_all());
        assert!(Roles::default().are_all());
    }

    #[test]
    fn an_unknown_role_is_named() {
        assert!(read(r#""commands,cooking""#).expect_err("refused").contains("\"cooking\" is none; they are commands"));
        assert!(read("[]").expect_err("refused").contains("at least one"));
    }
}
