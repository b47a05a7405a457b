//! Comparing two sets of a read model row by row, in key order, without ever holding either in memory.

use std::cmp::Ordering;
use std::time::Duration;

use carelog_domain::ports::{Failure, SqlValue};
use carelog_schemas::read_models::Set;
use serde::Serialize;

use super::subject::{OperationError, Subject};
use crate::home::{Entry, Mark};

/// Differences reported at most; more of them say nothing new.
const DIFFERENCES_MAX: usize = 100;
/// How often sets are compared while other processes go on writing, and how long after each time; that is longer than
/// documents are there before their checkpoint.
const ROUNDS_MAX: usize = 20;
const LOOKED_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// A row or item that differs. Names fields, never what they hold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// The table.
    pub table: String,
    /// The key: ids and numbers; sort keys of names are left out.
    pub key: String,
    /// What differs.
    #[serde(flatten)]
    pub how: How,
}

/// What differs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase", tag = "how", content = "fields")]
pub enum How {
    /// It should be there and is not.
    Missing,
    /// It is there and should not be.
    Unexpected,
    /// These fields hold something else.
    Fields(Vec<String>),
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Difference { table, key, how } = self;
        match how {
            How::Missing => write!(f, "{table} {key}: missing"),
            How::Unexpected => write!(f, "{table} {key}: should not be there"),
            How::Fields(fields) => write!(f, "{table} {key}: differs in {}", fields.join(", ")),
        }
    }
}

impl Subject {
    /// What is different in the live set from one that stands beside it, brought to the same place, and where that is.
    /// Workers of this process are held meanwhile; where others write too, a difference counts only when it is still
    /// there after a while in which nobody moved a checkpoint.
    pub(crate) async fn compare_with_live(
        &self,
        set: Set,
        marks: &mut [Mark],
    ) -> Result<(Vec<Difference>, Vec<Mark>), OperationError> {
        let mut before: Option<Vec<Mark>> = None;
        for _ in 0..ROUNDS_MAX {
            let held = self.hold().await?;
            let live = self.marks(held.set).await?;
            let sizes: Vec<u64> = live.iter().map(|mark| mark.size).collect();
            self.fill(set, marks, &sizes).await?;
            let differences = self.compare(set, held.set).await?;
            let after = self.marks(held.set).await?;
            drop(held);
            let stood_still = self.is_alone() || after == live && before.as_ref() == Some(&live);
            if stood_still || differences.is_empty() && after == live {
                return Ok((differences, live));
            }
            before = Some(after);
            self.still_wanted()?;
            tokio::time::sleep(LOOKED_AGAIN_AFTER).await;
        }
        let message = "other processes write to the live set all the time; ask again when less is going on";
        Err(Failure::passing("projections", message).into())
    }

    /// What is different in `found` from what it should be.
    pub(crate) async fn compare(&self, should: Set, found: Set) -> Result<Vec<Difference>, OperationError> {
        let mut differences = Vec::new();
        for (number, table) in self.home.tables().into_iter().enumerate() {
            let (mut should, mut found) = (Cursor::new(self, should, number), Cursor::new(self, found, number));
            while differences.len() < DIFFERENCES_MAX {
                let next = match (should.peek().await?, found.peek().await?) {
                    (None, None) => break,
                    (Some(should), Some(found)) => (
                        should.key.cmp(&found.key),
                        fields(should, found),
                        shown(&should.key.clone().min(found.key.clone())),
                    ),
                    (Some(should), None) => (Ordering::Less, vec![], shown(&should.key)),
                    (None, Some(found)) => (Ordering::Greater, vec![], shown(&found.key)),
                };
                let (order, fields, key) = next;
                let how = match order {
                    Ordering::Less => Some(How::Missing),
                    Ordering::Greater => Some(How::Unexpected),
                    Ordering::Equal => (!fields.is_empty()).then_some(How::Fields(fields)),
                };
                differences.extend(how.map(|how| Difference { table: table.to_owned(), key, how }));
                if order.is_le() {
                    should.advance();
                }
                if order.is_ge() {
                    found.advance();
                }
            }
        }
        Ok(differences)
    }
}

fn fields(should: &Entry, found: &Entry) -> Vec<String> {
    if should.fields == found.fields {
        return vec![];
    }
    let value = |entry: &Entry, name: &str| {
        entry.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone())
    };
    let names = should.fields.iter().chain(&found.fields).map(|(name, _)| name.clone());
    let mut names: Vec<String> = names.filter(|name| value(should, name) != value(found, name)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// A key for people. Bytes are sort keys of names, which are personal.
fn shown(key: &[SqlValue]) -> String {
    let parts = key.iter().map(|value| match value {
        SqlValue::Null => "-".to_owned(),
        SqlValue::Int(number) => number.to_string(),
        SqlValue::Text(text) => text.clone(),
        SqlValue::Bytes(_) => "(sort key)".to_owned(),
    });
    parts.collect::<Vec<_>>().join(" ")
}

/// Entries of one table of one set, page by page.
struct Cursor<'a> {
    subject: &'a Subject,
    set: Set,
    table: usize,
    page: std::vec::IntoIter<Entry>,
    current: Option<Entry>,
    last: Option<Entry>,
    ended: bool,
}

impl<'a> Cursor<'a> {
    fn new(subject: &'a Subject, set: Set, table: usize) -> Cursor<'a> {
        Cursor { subject, set, table, page: vec![].into_iter(), current: None, last: None, ended: false }
    }

    async fn peek(&mut self) -> Result<Option<&Entry>, OperationError> {
        if self.current.is_none() && !self.ended {
            self.current = self.page.next();
            if self.current.is_none() {
                self.subject.still_wanted()?;
                let page = self.subject.home.page(self.set, self.table, self.last.as_ref()).await?;
                self.last = page.last().cloned();
                self.page = page.into_iter();
                self.current = self.page.next();
                self.ended = self.current.is_none();
            }
        }
        Ok(self.current.as_ref())
    }

    fn advance(&mut self) {
        self.current = None;
    }
}
