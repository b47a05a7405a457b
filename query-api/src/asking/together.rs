//! Reads of one answer that are asked for at the same time, such as the patients and the practitioners of a page, share a
//! snapshot and a transaction: beginning and ending one costs as much as a small query.

use carelog_domain::ports::{BoxFuture, Rows, Statement};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::problem::Answer;

/// Reads that have not begun.
#[derive(Default)]
pub(crate) struct Together(Mutex<Vec<Waiting>>);

/// Somebody who asked.
struct Waiting {
    models: Vec<&'static str>,
    queries: Vec<Statement>,
    answer: oneshot::Sender<Answer<Vec<Rows>>>,
}

/// What is waiting goes with whoever was to read it; those who wait ask again.
struct Leading<'a>(&'a Together);

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        self.0.0.lock().clear();
    }
}

impl Together {
    /// What these queries find: read by `read`, with those of others who ask until this task is next polled.
    pub(crate) async fn read<'a>(
        &self,
        models: &[&'static str],
        queries: Vec<Statement>,
        read: impl Fn(Vec<&'static str>, Vec<Statement>) -> BoxFuture<'a, Answer<Vec<Rows>>>,
    ) -> Answer<Vec<Rows>> {
        loop {
            let (answer, answered) = oneshot::channel();
            let leads = {
                let mut waiting = self.0.lock();
                waiting.push(Waiting { models: models.to_vec(), queries: queries.clone(), answer });
                waiting.len() == 1
            };
            if leads {
                let leading = Leading(self);
                tokio::task::yield_now().await;
                let all = std::mem::take(&mut *self.0.lock());
                std::mem::forget(leading); // Whoever asks from here on leads.
                read_all(all, &read).await;
            }
            if let Ok(answer) = answered.await {
                return answer;
            }
        }
    }
}

/// One read for all. If it fails, each has its own, so that nobody is told of the trouble of another.
async fn read_all<'a>(
    all: Vec<Waiting>,
    read: &impl Fn(Vec<&'static str>, Vec<Statement>) -> BoxFuture<'a, Answer<Vec<Rows>>>,
) {
    if all.len() > 1 {
        let mut models: Vec<&'static str> = all.iter().flat_map(|each| each.models.iter().copied()).collect();
        models.sort_unstable();
        models.dedup();
        let queries = all.iter().flat_map(|each| each.queries.iter().cloned()).collect();
        if let Ok(found) = read(models, queries).await {
            let mut found = found.into_iter();
            for each in all {
                let own = found.by_ref().take(each.queries.len()).collect();
                let _ = each.answer.send(Ok(own)); // Whoever asked may be gone.
            }
            return;
        }
    }
    for each in all {
        let found = read(each.models, each.queries).await;
        let _ = each.answer.send(found);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use carelog_domain::ports::SqlValue;

    use super::*;
    use crate::problem::Problem;

    /// Finds a row that says each query, and writes down what was read at once.
    struct Said(Mutex<Vec<Vec<String>>>);

    impl Said {
        fn read(&self, models: Vec<&'static str>, queries: Vec<Statement>) -> BoxFuture<'_, Answer<Vec<Rows>>> {
            Box::pin(self.find(models, queries))
        }

        async fn find(&self, models: Vec<&'static str>, queries: Vec<Statement>) -> Answer<Vec<Rows>> {
            let texts: Vec<String> = queries.into_iter().map(|query| query.sql).collect();
            self.0.lock().push([vec![models.join("+")], texts.clone()].concat());
            tokio::task::yield_now().await;
            if texts.iter().any(|text| text == "bad") {
                return Err(Problem::new("bad", "a bad query"));
            }
            let row = |text: String| Rows { columns: vec!["sql".to_owned()], rows: vec![vec![SqlValue::Text(text)]] };
            Ok(texts.into_iter().map(row).collect())
        }
    }

    fn queries(texts: &[&str]) -> Vec<Statement> {
        texts.iter().map(|text| Statement::new((*text).to_owned(), vec![])).collect()
    }

    fn texts(found: Answer<Vec<Rows>>) -> Result<Vec<String>, &'static str> {
        let text = |rows: &Rows| rows.rows[0][0].text().expect("a text").to_owned();
        found.map(|found| found.iter().map(text).collect()).map_err(|problem| problem.code)
    }

    #[tokio::test]
    async fn what_is_asked_for_at_the_same_time_is_read_at_once_and_each_gets_its_own() {
        let (together, said) = (Together::default(), Said(Mutex::default()));
        let ask = |models: &'static [&'static str], asked: &'static [&'static str]| {
            let (together, said) = (&together, &said);
            let read = |models, queries| said.read(models, queries);
            async move { texts(together.read(models, queries(asked), read).await) }
        };
        let (one, two, three) = tokio::join!(ask(&["b"], &["x", "y"]), ask(&["a"], &["z"]), ask(&["b"], &[]));
        assert_eq!((one, two, three), (Ok(vec!["x".into(), "y".into()]), Ok(vec!["z".into()]), Ok(vec![])));
        assert_eq!(ask(&["c"], &["w"]).await, Ok(vec!["w".into()]));
        assert_eq!(*said.0.lock(), [vec!["a+b", "x", "y", "z"], vec!["c", "w"]]);
    }

    #[tokio::test]
    async fn trouble_is_told_to_whom_it_belongs() {
        let (together, said) = (Together::default(), Said(Mutex::default()));
        let read = |models, queries| said.read(models, queries);
        let good = together.read(&["a"], queries(&["good"]), &read);
        let bad = together.read(&["a"], queries(&["bad"]), &read);
        let (good, bad) = tokio::join!(good, bad);
        assert_eq!((texts(good), texts(bad)), (Ok(vec!["good".into()]), Err("bad")));
    }

    #[tokio::test]
    async fn whoever_waits_is_not_left_alone_when_the_one_that_reads_is_dropped() {
        let (together, said) = (Together::default(), Said(Mutex::default()));
        let read = |models, queries| said.read(models, queries);
        for polls in 1..4 {
            let mut first = Box::pin(together.read(&["a"], queries(&["first"]), &read));
            let _ = futures::poll!(&mut first);
            let mut second = Box::pin(together.read(&["a"], queries(&["second"]), &read));
            for _ in 1..polls {
                let _ = (futures::poll!(&mut second), futures::poll!(&mut first));
            }
            drop(first);
            let second = tokio::time::timeout(Duration::from_secs(5), second).await.expect("it is answered");
            assert_eq!(texts(second), Ok(vec!["second".into()]));
        }
    }
}
