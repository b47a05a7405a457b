//! The first page of a hospital's appointments and pages deep in them, asked of several servers in turn. That all answer
//! the same rows is looked at before and after.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};

use super::asked::{Asked, PAGE, STRIDE};
use crate::http::wrk::{self, Counted, Script};
use crate::report::{Report, Row, number};

const CONNECTIONS: usize = 16;
/// How often they take turns; the middle round counts, so that what else the machine does disturbs none alone.
const ROUNDS: usize = 3;
/// Deep pages that are asked for, one after the other.
const DEEP_PAGES: u64 = 50;

/// Who is asked for what.
pub(super) struct Pages<'a> {
    /// The first is measured, the others stand beside.
    pub(super) asked: Vec<Asked>,
    /// Whose appointments.
    pub(super) hospital: String,
    /// How many it has.
    pub(super) rows: u64,
    /// Where the requests are written for wrk.
    pub(super) work: &'a Path,
}

/// After which row pages begin, and each server's cursors there.
struct Kind {
    what: String,
    cursors: Vec<Vec<Option<String>>>,
}

impl Pages<'_> {
    /// A row for the first page and one for the deep ones.
    pub(super) async fn measure(&self, time: Duration, report: &mut Report) -> anyhow::Result<()> {
        for kind in [self.first(), self.deep().await?] {
            self.compare(&kind).await?;
            let counted = self.take_turns(&kind, time).await?;
            self.compare(&kind).await?;
            report.add(self.row(&kind, &counted)?)?;
        }
        Ok(())
    }

    fn first(&self) -> Kind {
        Kind { what: "the first page".to_owned(), cursors: self.asked.iter().map(|_| vec![None]).collect() }
    }

    async fn deep(&self) -> anyhow::Result<Kind> {
        let places = places(self.rows);
        let (Some(first), Some(last)) = (places.first(), places.last()) else {
            anyhow::bail!("{} appointments are too few for deep pages; book for longer", self.rows);
        };
        let what = format!(
            "pages after {} to {} of {} rows, by cursor",
            number(*first as f64),
            number(*last as f64),
            number(self.rows as f64)
        );
        let mut cursors = Vec::new();
        for asked in &self.asked {
            cursors.push(asked.cursors(&self.hospital, &places).await?.into_iter().map(Some).collect());
        }
        Ok(Kind { what, cursors })
    }

    /// Reads every page from every server; one that differs ends the run.
    async fn compare(&self, kind: &Kind) -> anyhow::Result<()> {
        for page in 0..kind.cursors[0].len() {
            let expected = self.asked[0].page(&self.hospital, kind.cursors[0][page].as_deref()).await?;
            for (asked, cursors) in self.asked.iter().zip(&kind.cursors).skip(1) {
                let found = asked.page(&self.hospital, cursors[page].as_deref()).await?;
                ensure!(
                    found == expected,
                    "{}, number {page}: {} answered {found:?}, {} {expected:?}",
                    kind.what,
                    asked.name,
                    self.asked[0].name
                );
            }
        }
        Ok(())
    }

    /// The middle round of each server.
    async fn take_turns(&self, kind: &Kind, time: Duration) -> anyhow::Result<Vec<Counted>> {
        let files = self.write_requests(kind)?;
        let mut rounds: Vec<Vec<Counted>> = self.asked.iter().map(|_| Vec::new()).collect();
        for _ in 0..ROUNDS {
            for ((asked, file), rounds) in self.asked.iter().zip(&files).zip(&mut rounds) {
                let counted = wrk::run(Script::Pages, &[&asked.api.base], CONNECTIONS, time, file, 0).await?;
                rounds.push(counted.all_succeeded(&format!("{} asked for {}", asked.name, kind.what))?);
            }
        }
        rounds.into_iter().map(middle).collect()
    }

    /// The bodies of the requests for each server, as a Lua table.
    fn write_requests(&self, kind: &Kind) -> anyhow::Result<Vec<PathBuf>> {
        let write = |(number, (asked, cursors)): (usize, (&Asked, &Vec<Option<String>>))| {
            let file = self.work.join(format!("pages-{number}.lua"));
            let body = |cursor: &Option<String>| asked.body(&self.hospital, cursor.as_deref());
            let bodies: String = cursors.iter().map(|cursor| format!("[==[{}]==],\n", body(cursor))).collect();
            std::fs::write(&file, format!("return {{ bodies = {{\n{bodies}}} }}\n"))
                .with_context(|| format!("{} cannot be written", file.display()))?;
            Ok(file)
        };
        self.asked.iter().zip(&kind.cursors).enumerate().map(write).collect()
    }

    fn row(&self, kind: &Kind, counted: &[Counted]) -> anyhow::Result<Row> {
        let (ours, theirs) = counted.split_first().context("somebody was asked")?;
        let beside = self.asked.iter().skip(1).zip(theirs).map(|(asked, counted)| {
            let (rate, times) = (number(counted.rate()), counted.percentiles());
            format!("{} {rate}/s, p50 / p99 {times} (we: {:.1} x)", asked.name, ours.rate() / counted.rate())
        });
        let pages = kind.cursors[0].len();
        Ok(Row {
            what: format!("GraphQL on PostgreSQL, 20 appointments, {CONNECTIONS} connections: {}", kind.what),
            figure: format!("{}/s", number(ours.rate())),
            times: ours.percentiles().to_string(),
            beside: beside.collect::<Vec<_>>().join("; "),
            checked: format!(
                "{} answered the same rows and names, before and after; the middle of {ROUNDS} rounds in turn, {} answers",
                if pages == 1 { "all".to_owned() } else { format!("all, on each of {pages} pages,") },
                number(ours.succeeded() as f64)
            ),
        })
    }
}

/// After how many rows deep pages begin: places all over the second half, each a whole number of strides.
fn places(rows: u64) -> Vec<u64> {
    let (half, last) = ((rows / 2).next_multiple_of(STRIDE), rows.saturating_sub(PAGE));
    let step = (last.saturating_sub(half) / DEEP_PAGES).max(1).next_multiple_of(STRIDE);
    (half.max(STRIDE)..=last).step_by(usize::try_from(step).unwrap_or(usize::MAX)).collect()
}

/// The round with the rate in the middle.
fn middle(mut rounds: Vec<Counted>) -> anyhow::Result<Counted> {
    rounds.sort_by(|one, other| one.rate().total_cmp(&other.rate()));
    let middle = rounds.len() / 2;
    rounds.into_iter().nth(middle).context("there is a round")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_places_lie_in_the_second_half_and_leave_a_whole_page() {
        for rows in [220, 1_530, 61_234] {
            let places = places(rows);
            assert!(!places.is_empty() && places.len() <= DEEP_PAGES as usize + 1, "{rows}: {places:?}");
            let deep = |place: &u64| place.is_multiple_of(STRIDE) && *place >= rows / 2 && place + PAGE <= rows;
            assert!(places.iter().all(deep), "{rows}: {places:?}");
        }
        assert!(places(100).is_empty());
    }
}
