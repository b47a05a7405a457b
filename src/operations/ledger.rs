//! The ledger: exported as a journal, and checked.

use std::collections::{BTreeMap, BTreeSet};

use carelog_domain::billing::journal::Journal;
use carelog_domain::billing::ledger::{BookKey, Ledger};
use carelog_domain::event::Event;
use carelog_domain::kernel::{HospitalId, Partition, PatientId, Recorded};
use carelog_domain::ports::{Direction, EventFilter, Failure, Statement};
use carelog_schemas::read_models::{SetState, named};
use carelog_schemas::sealing;
use serde_json::json;

use super::{Answer, OperationError, Operations};

/// Events that post, and those that tell a hospital's zone.
const TYPES: [&str; 7] = [
    "HospitalRegistered",
    "InvoiceIssued",
    "CreditNoteIssued",
    "PaymentSucceeded",
    "CreditAllocated",
    "CreditDeallocated",
    "RefundMade",
];
/// Events read at once.
const CHUNK: usize = 2_000;
/// The read model that keeps balances.
const MODEL: &str = "invoices";

type Posting = Recorded<Event>;
/// Why a posting cannot be taken.
type Taken = Result<(), String>;
type Done = Result<(), OperationError>;

impl Operations {
    /// The journal of one hospital or all, in hledger's and ledger's format. Patients appear as `p-` and a keyed hash.
    pub(crate) async fn journal(&self, hospital: Option<HospitalId>) -> Result<String, OperationError> {
        let keys = self.platform.keys.clone();
        let pseudonym = move |patient: PatientId| {
            let hash = keys.keyed_hash("journal", patient.0.as_bytes());
            let short: String = hash[..6].iter().map(|byte| format!("{byte:02x}")).collect();
            format!("p-{short}")
        };
        let mut journal = Journal::new(pseudonym);
        let mut text = String::new();
        self.each_posting(hospital, |recorded| {
            let entry = journal.take(recorded).map_err(|error| error.to_string())?;
            text.push_str(&entry);
            Ok(())
        })
        .await?;
        Ok(text)
    }

    /// Whether every event's postings sum to 0, and the balances agree with the read model's, as of what it has applied.
    pub(crate) async fn ledger_check(&self) -> Answer {
        let sql = named(
            "SELECT hospital, account, currency, debits - credits FROM {ledger_balances} WHERE debits <> credits",
        );
        // Balances and the place they stand for are read at one moment, so that a log that grows meanwhile does not differ.
        let queries = vec![Statement::new(sql, vec![]), SetState::query_of(&[MODEL])];
        let rows = self.platform.sql.read(queries).await?;
        let applied = SetState::from_rows(&rows[1]);
        let mut ledger = Ledger::default();
        let mut entries = 0u64;
        for state in &applied {
            self.each_posting_of(state.partition, state.size, None, |recorded| {
                entries += 1;
                ledger.post(&recorded.event).map_err(|error| error.to_string())
            })
            .await?;
        }
        let mut from_log: BTreeMap<(String, String, String), i128> = BTreeMap::new();
        for (key, minor) in ledger.balances() {
            *from_log.entry(by_hospital(key)).or_default() += minor;
        }
        from_log.retain(|_, minor| *minor != 0);
        let text = |value: &carelog_domain::ports::SqlValue| value.text().unwrap_or_default().to_owned();
        let from_rows: BTreeMap<_, _> = rows[0]
            .rows
            .iter()
            .map(|row| ((text(&row[0]), text(&row[1]), text(&row[2])), i128::from(row[3].int().unwrap_or_default())))
            .collect();
        let differing: BTreeSet<String> = from_log
            .keys()
            .chain(from_rows.keys())
            .filter(|key| from_log.get(*key) != from_rows.get(*key))
            .map(|(hospital, account, currency)| format!("{hospital} {account} {currency}"))
            .collect();
        Ok(json!({
            "agrees": differing.is_empty(), "entries": entries, "balances": from_log.len(), "differing": differing,
        }))
    }

    async fn each_posting(&self, hospital: Option<HospitalId>, mut take: impl FnMut(&Posting) -> Taken) -> Done {
        for head in self.platform.log.head().await? {
            self.each_posting_of(head.partition, head.size, hospital, &mut take).await?;
        }
        Ok(())
    }

    /// Those among the first `size` events of a partition.
    async fn each_posting_of(
        &self,
        partition: Partition,
        size: u64,
        hospital: Option<HospitalId>,
        mut take: impl FnMut(&Posting) -> Taken,
    ) -> Done {
        let filter = EventFilter { types: TYPES.map(str::to_owned).to_vec(), ..EventFilter::default() };
        let mut from = Some(0);
        while let Some(offset) = from.filter(|offset| *offset < size) {
            let read = self.platform.log.read(partition, offset, Direction::Forward, &filter, CHUNK);
            let (events, next) = read.await?;
            let known = events.iter().filter(|stored| stored.context.position.offset < size);
            for stored in known.filter(|stored| hospital.is_none() || stored.context.hospital == hospital) {
                let recorded = sealing::read_sealed(stored).map_err(|error| unreadable(&error.to_string()))?;
                take(&recorded).map_err(|error| unreadable(&error))?;
            }
            from = next;
        }
        Ok(())
    }
}

fn unreadable(message: &str) -> OperationError {
    Failure::lasting("ledger", message).into()
}

fn by_hospital(key: &BookKey) -> (String, String, String) {
    (key.hospital.to_string(), key.account.word().to_owned(), key.currency.to_string())
}
