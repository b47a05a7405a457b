//! What goes wrong, for operators: what fails again and again is said once in a while, not each time it is tried.

use std::collections::HashMap;
use std::error::Error;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Shared;

/// The same is said again after this long.
const SAID_AGAIN: Duration = Duration::from_secs(10);

/// What was said a moment ago.
#[derive(Default)]
pub(super) struct Troubles(Mutex<HashMap<String, Instant>>);

impl Troubles {
    /// Whether this is to be said now.
    fn is_news(&self, line: &str, now: Instant) -> bool {
        let mut said = self.0.lock();
        said.retain(|_, at| now.duration_since(*at) < SAID_AGAIN);
        let is_news = !said.contains_key(line);
        if is_news {
            said.insert(line.to_owned(), now);
        }
        is_news
    }
}

impl Shared {
    /// Logs an error with what caused it, unless the same was said a moment ago.
    pub(crate) fn trouble(&self, what: &str, error: &(dyn Error + 'static)) {
        let causes = std::iter::successors(Some(error), |error| (*error).source());
        let chain = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
        match self.troubles.is_news(&format!("{what}: {chain}"), Instant::now()) {
            true => tracing::error!(error = %chain, "{what}"),
            false => tracing::debug!(error = %chain, "{what}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_again_and_again_is_said_once_in_a_while() {
        let (troubles, begun) = (Troubles::default(), Instant::now());
        assert!(troubles.is_news("a peer is dead", begun));
        assert!(!troubles.is_news("a peer is dead", begun + Duration::from_millis(200)));
        assert!(troubles.is_news("another", begun + Duration::from_millis(200)), "each for itself");
        assert!(troubles.is_news("a peer is dead", begun + SAID_AGAIN));
    }
}
