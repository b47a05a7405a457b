//! A place that was to be read and that Kafka does not have: the error does not say of which partition it is, so all are
//! asked what they hold, again and again until each has answered. The reader goes on meanwhile.

use std::time::{Duration, Instant};

use tokio::sync::oneshot::error::TryRecvError;

use crate::ends::{Held, Holds};

/// After this long a partition that could not say what it holds is asked again.
const ASKED_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The partitions that are asked.
#[derive(Default)]
pub(crate) struct Lost {
    asked: Vec<(u16, Asked)>,
    /// When it was last found that something is lost.
    found: Option<Instant>,
}

enum Asked {
    UnderWay(Holds),
    Again(Instant),
}

impl Lost {
    /// Something was to be read that is not there: all of these partitions are asked, those that are not already; at once,
    /// or a while after the last time.
    pub(crate) fn somewhere(&mut self, partitions: impl Iterator<Item = u16>) {
        let now = Instant::now();
        let at = self.found.map_or(now, |found| now.max(found + ASKED_AGAIN_AFTER));
        for partition in partitions {
            if self.asked.iter().all(|(asked, _)| *asked != partition) {
                self.asked.push((partition, Asked::Again(at)));
                self.found = Some(at);
            }
        }
    }

    /// What the partitions hold that have answered by now.
    pub(crate) fn answers(&mut self, ask: impl Fn(u16) -> Holds) -> Vec<(u16, Held)> {
        let mut answers = Vec::new();
        self.asked = std::mem::take(&mut self.asked)
            .into_iter()
            .filter_map(|(partition, asked)| {
                let next = match asked {
                    Asked::Again(at) if at > Instant::now() => Asked::Again(at),
                    Asked::Again(_) => Asked::UnderWay(ask(partition)),
                    Asked::UnderWay(mut holds) => match holds.try_recv() {
                        Err(TryRecvError::Empty) => Asked::UnderWay(holds),
                        Ok(Ok(held)) => {
                            answers.push((partition, held));
                            return None;
                        }
                        Ok(Err(_)) | Err(TryRecvError::Closed) => Asked::Again(Instant::now() + ASKED_AGAIN_AFTER),
                    },
                };
                Some((partition, next))
            })
            .collect();
        answers
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tokio::sync::oneshot;

    use super::*;
    use crate::error::passing;

    #[test]
    fn a_partition_that_cannot_say_what_it_holds_is_asked_again_and_each_answers_once() {
        let asked = RefCell::new(Vec::new());
        let ask = |partition: u16| {
            let (answer, holds) = oneshot::channel();
            asked.borrow_mut().push((partition, Some(answer)));
            holds
        };
        let reply =
            |index: usize, held| asked.borrow_mut()[index].1.take().expect("asked once").send(held).expect("heard");
        let held = |end| Held { begin: 0, end };
        let mut lost = Lost::default();
        assert_eq!(lost.answers(ask), []);
        assert!(asked.borrow().is_empty(), "nothing is lost");
        lost.somewhere(0..2);
        lost.somewhere(0..2);
        assert_eq!(lost.answers(ask), []);
        assert_eq!(asked.borrow().iter().map(|(partition, _)| *partition).collect::<Vec<_>>(), [0, 1]);
        reply(0, Err(passing("cut off")));
        reply(1, Ok(held(7)));
        assert_eq!(lost.answers(ask), [(1, held(7))]);
        assert_eq!((lost.answers(ask).len(), asked.borrow().len()), (0, 2), "not at once");
        std::thread::sleep(ASKED_AGAIN_AFTER);
        lost.answers(ask);
        reply(2, Ok(held(3)));
        assert_eq!(lost.answers(ask), [(0, held(3))]);
        assert_eq!((lost.answers(ask).len(), asked.borrow().len()), (0, 3), "nobody is asked any more");
        lost.somewhere(0..1);
        lost.answers(ask);
        assert_eq!(asked.borrow().len(), 4, "it is lost once more, long after");
        reply(3, Ok(held(3)));
        lost.answers(ask);
        lost.somewhere(0..1);
        lost.answers(ask);
        assert_eq!(asked.borrow().len(), 4, "and at once again: that would be for ever");
    }
}
