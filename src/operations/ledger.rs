//! The ledger: exported as a journal, and checked.

use std::collections::BTreeMap;
use std::time::Duration;

use carelog_domain::billing::journal::Journal;
use carelog_domain::billing::ledger::{BookKey, Ledger};
use carelog_domain::kernel::{HospitalId, Partition, PatientId, Position, Token};
use carelog_domain::ports::{Direction, EventFilter, Failure, Freshness, Head, Statement};
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
/// How long a check waits for the read model.
const CATCH_UP_MAX: Duration = Duration::from_secs(60);

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

    /// Whether every event's postings sum to 0, and the balances agree with the read model's.
    pub(crate) async fn ledger_check(&self) -> Answer {
        let mut ledger = Ledger::default();
        let mut entries = 0u64;
        self.each_posting(None, |recorded| {
            entries += 1;
            ledger.post(&recorded.event).map_err(|error| error.to_string())
        })
        .await?;
        let mut from_log: BTreeMap<(String, String, String), i128> = BTreeMap::new();
        self.caught_up().await?;
        for (key, minor) in ledger.balances() {
            *from_log.entry(by_hospital(key)).or_default() += minor;
        }
        from_log.retain(|_, minor| *minor != 0);
        let sql = "SELECT hospital, account, currency, debits - credits FROM ledger_balances WHERE debits <> credits";
        let rows = self.platform.sql.read(vec![Statement::new(sql, vec![])]).await?;
        let text = |value: &carelog_domain::ports::SqlValue| value.text().unwrap_or_default().to_owned();
        let from_rows: BTreeMap<_, _> = rows[0]
            .rows
            .iter()
            .map(|row| ((text(&row[0]), text(&row[1]), text(&row[2])), i128::from(row[3].int().unwrap_or_default())))
            .collect();
        let differing: Vec<String> = from_log
            .keys()
            .chain(from_rows.keys())
            .filter(|key| from_log.get(*key) != from_rows.get(*key))
            .map(|(hospital, account, currency)| format!("{hospital} {account} {currency}"))
            .collect();
        Ok(json!({
            "agrees": differing.is_empty(), "entries": entries, "balances": from_log.len(), "differing": differing,
        }))
    }

    /// Waits until the read model has everything that is in the log now.
    async fn caught_up(&self) -> Result<(), OperationError> {
        let heads = self.platform.log.head().await?;
        let last = |head: &Head| Some(Position { partition: head.partition, offset: head.size.checked_sub(1)? });
        let token: Token = heads.iter().filter_map(last).collect();
        if self.platform.projections.reached(&["invoices"], &token, CATCH_UP_MAX).await? {
            return Ok(());
        }
        Err(Failure::passing("ledger", "the read model is too far behind to be compared; try again").into())
    }

    async fn each_posting(
        &self,
        hospital: Option<HospitalId>,
        mut take: impl FnMut(&carelog_domain::kernel::Recorded<carelog_domain::event::Event>) -> Result<(), String>,
    ) -> Result<(), OperationError> {
        let log = &self.platform.log;
        let filter = EventFilter { types: TYPES.map(str::to_owned).to_vec(), ..EventFilter::default() };
        for partition in (0..log.partitions()).map(Partition) {
            let mut from = Some(0);
            while let Some(offset) = from {
                let (events, next) = log.read(partition, offset, Direction::Forward, &filter, CHUNK).await?;
                for stored in events.iter().filter(|stored| hospital.is_none() || stored.context.hospital == hospital) {
                    let recorded = sealing::read_sealed(stored).map_err(|error| unreadable(&error.to_string()))?;
                    take(&recorded).map_err(|error| unreadable(&error))?;
                }
                from = next;
            }
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
