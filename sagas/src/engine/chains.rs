//! What is still on its way under each correlation, so that a caller can wait until all that a command caused is done.

use carelog_domain::kernel::{CommandId, Token};
use lru::LruCache;
use parking_lot::Mutex;

/// The newest correlations; those with nothing on its way are forgotten when there are too many.
pub(crate) struct Chains {
    inner: Mutex<Inner>,
}

struct Inner {
    chains: LruCache<CommandId, Chain>,
    chains_max: usize,
    forgot: bool,
}

/// One correlation.
#[derive(Clone, Default, Debug)]
pub(crate) struct Chain {
    /// Reactions on their way.
    pub(crate) pending: usize,
    /// Reactions that wait for somebody to retry a dead letter.
    pub(crate) parked: usize,
    /// What was written under it, by commands and by the engine.
    pub(crate) written: Token,
}

impl Chains {
    pub(crate) fn new(chains_max: usize) -> Chains {
        let inner = Inner { chains: LruCache::unbounded(), chains_max, forgot: false };
        Chains { inner: Mutex::new(inner) }
    }

    pub(crate) fn begin(&self, correlation: CommandId) {
        let mut inner = self.inner.lock();
        inner.chains.get_or_insert_mut(correlation, Chain::default).pending += 1;
        // The oldest one may still be on its way: then it is kept, and a later call forgets another one.
        if inner.chains.len() > inner.chains_max
            && let Some((oldest, chain)) = inner.chains.pop_lru()
        {
            if chain.pending == 0 && chain.parked == 0 {
                inner.forgot = true;
            } else {
                inner.chains.put(oldest, chain);
            }
        }
    }

    pub(crate) fn wrote(&self, correlation: CommandId, token: &Token) {
        self.change(correlation, |chain| chain.written.merge(token));
    }

    pub(crate) fn end(&self, correlation: CommandId) {
        self.change(correlation, |chain| chain.pending = chain.pending.saturating_sub(1));
    }

    pub(crate) fn park(&self, correlation: CommandId) {
        self.inner.lock().chains.get_or_insert_mut(correlation, Chain::default).parked += 1;
    }

    pub(crate) fn unpark(&self, correlation: CommandId) {
        self.change(correlation, |chain| chain.parked = chain.parked.saturating_sub(1));
    }

    /// The chain, and whether some chain was ever forgotten (so that its absence means nothing).
    pub(crate) fn get(&self, correlation: CommandId) -> (Option<Chain>, bool) {
        let mut inner = self.inner.lock();
        let chain = inner.chains.get(&correlation).cloned();
        (chain, inner.forgot)
    }

    fn change(&self, correlation: CommandId, change: impl FnOnce(&mut Chain)) {
        if let Some(chain) = self.inner.lock().chains.get_mut(&correlation) {
            change(chain);
        }
    }
}
