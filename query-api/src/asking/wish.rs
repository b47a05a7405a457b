//! What a client wants to see before it is answered: its own writes (`Carelog-Token`), or all that came of them
//! (`Carelog-Wait: settled`).

use std::time::Duration;

use carelog_domain::kernel::{CommandId, Token};
use carelog_domain::ports::{Direction, EventFilter};
use http::HeaderMap;

use super::not_yet;
use crate::Deps;
use crate::problem::{Answer, Problem};

/// The headers by which a client waits.
#[derive(Clone, Default, Debug)]
pub(crate) struct Wish {
    token: Token,
    settled: bool,
    timeout: Option<Duration>,
    command: Option<CommandId>,
}

impl Wish {
    /// Reads `Carelog-Token`, `Carelog-Wait` and `Carelog-Command`.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Answer<Wish> {
        let text = |name: &'static str| headers.get(name).map(|value| value.to_str().unwrap_or("\u{fffd}").trim());
        let token = text("carelog-token").map(str::parse::<Token>).transpose().map_err(|_| {
            Problem::at("Carelog-Token", "malformed-header", "a token looks like 0:123; send it as the command gave it")
        })?;
        let wait = text("carelog-wait").map(read_wait).transpose()?;
        let command = text("carelog-command").map(uuid::Uuid::parse_str).transpose().map_err(|_| {
            Problem::at("Carelog-Command", "malformed-header", "Carelog-Command is the id of a command (a UUID)")
        })?;
        let wish = Wish {
            token: token.unwrap_or_default(),
            settled: wait.is_some(),
            timeout: wait.flatten(),
            command: command.map(CommandId),
        };
        if wish.settled && wish.token.is_empty() {
            return Err(Problem::at(
                "Carelog-Wait",
                "malformed-header",
                "say with Carelog-Token what should be settled: the token that the command returned",
            ));
        }
        Ok(wish)
    }

    /// How long it may wait, within what is allowed.
    pub(super) fn at_most(&self, allowed: Duration) -> Duration {
        self.timeout.map_or(allowed, |timeout| timeout.min(allowed))
    }

    /// The positions read models must have; waits for the sagas when that is wished for.
    pub(super) async fn resolve(&self, deps: &Deps, at_most: Duration) -> Answer<Token> {
        let partitions = deps.log.partitions();
        if self.token.positions().any(|position| position.partition.0 >= partitions) {
            return Err(token_unknown("the log has no such partition; send the token as the command gave it"));
        }
        if !self.settled {
            return Ok(self.token.clone());
        }
        let correlation = match self.command {
            Some(command) => command,
            None => self.correlation(deps).await?,
        };
        match deps.settlement.settled(correlation, &self.token, at_most).await? {
            Some(mut all) => {
                all.merge(&self.token);
                Ok(all)
            }
            None => Err(not_yet("what the command caused is not settled yet; ask again")),
        }
    }

    /// The log itself knows which chain of causes a position belongs to.
    async fn correlation(&self, deps: &Deps) -> Answer<CommandId> {
        let unknown = || token_unknown("the log has nothing at the token's position yet");
        let position = self.token.positions().next().ok_or_else(unknown)?;
        let filter = EventFilter::default();
        deps.log.catch_up(position.partition).await?;
        let read = deps.log.read(position.partition, position.offset, Direction::Forward, &filter, 1).await?;
        read.0.first().map(|stored| stored.context.correlation).ok_or_else(unknown)
    }
}

fn token_unknown(message: &str) -> Problem {
    Problem::at("Carelog-Token", "token-unknown", message)
}

/// Reads `settled` or `settled; timeout=10` (seconds).
fn read_wait(text: &str) -> Answer<Option<Duration>> {
    let bad = || Problem::at("Carelog-Wait", "malformed-header", "a wait is `settled` or `settled; timeout=10`");
    let mut parts = text.split(';').map(str::trim);
    if parts.next() != Some("settled") {
        return Err(bad());
    }
    let Some(parameter) = parts.next() else { return Ok(None) };
    let seconds = parameter.strip_prefix("timeout=").and_then(|text| text.trim().parse::<u32>().ok());
    match (seconds, parts.next()) {
        (Some(seconds), None) => Ok(Some(Duration::from_secs(seconds.into()))),
        _ => Err(bad()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(headers: &[(&'static str, &'static str)]) -> Result<Wish, &'static str> {
        let map = headers.iter().map(|&(name, value)| (name.parse().expect("name"), value.parse().expect("value")));
        Wish::from_headers(&map.collect()).map_err(|problem| problem.code)
    }

    #[test]
    fn the_headers_say_what_to_wait_for() {
        assert!(wish(&[]).expect("none").token.is_empty());
        let both = wish(&[("carelog-token", "0:12,3:4"), ("carelog-wait", "settled")]).expect("both");
        assert!(both.settled);
        assert_eq!(both.token.to_string(), "0:12,3:4");
        let bounded = wish(&[("carelog-token", "0:1"), ("carelog-wait", "settled; timeout=2")]).expect("a timeout");
        assert_eq!(bounded.at_most(Duration::from_secs(10)), Duration::from_secs(2));
        assert_eq!(bounded.at_most(Duration::from_secs(1)), Duration::from_secs(1));
        assert!(wish(&[("carelog-token", "0:1"), ("carelog-wait", "settled; timeout=soon")]).is_err());
    }

    #[test]
    fn a_header_that_means_nothing_is_refused() {
        assert_eq!(wish(&[("carelog-token", "twelve")]).err(), Some("malformed-header"));
        assert_eq!(wish(&[("carelog-token", "0:1"), ("carelog-wait", "a while")]).err(), Some("malformed-header"));
        assert_eq!(wish(&[("carelog-wait", "settled")]).err(), Some("malformed-header"));
        assert_eq!(wish(&[("carelog-command", "x")]).err(), Some("malformed-header"));
    }
}
