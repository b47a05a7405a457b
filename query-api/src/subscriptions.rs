//! What changes, as it changes. A subscription follows the log from where it is now; when an event concerns what it
//! watches, it waits until the read model has that event and sends the row. Several events of one row that come together
//! give one answer.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;

use async_graphql::{Context, ID, Result, Subscription};
use carelog_domain::kernel::{AppointmentId, HospitalId, InvoiceId, PatientId, Slot, Token};
use carelog_domain::policy::Permission;
use carelog_domain::ports::{Failure, Stored};
use futures::{Stream, StreamExt, TryStreamExt};

use crate::appointments::{self, Appointment};
use crate::asking::Asking;
use crate::invoices::{self, Invoice};
use crate::loading::{Found, FromRow};
use crate::problem::{Answer, Problem};
use crate::scalars::read_maybe_id;
use crate::sql::rows;

/// What can be watched. Each answer is the row as it is after the change.
pub(crate) struct Subscriptions;

/// What can be watched. Each answer is the row as it is after the change.
#[Subscription(name = "Subscription")]
impl Subscriptions {
    /// Appointments that come to be or change. Give at least one argument; all given must hold.
    async fn appointment_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "This appointment.")] appointment: Option<ID>,
        #[graphql(desc = "Those at this hospital.")] hospital: Option<ID>,
        #[graphql(desc = "Those of this patient.")] patient: Option<ID>,
        #[graphql(desc = "Those with this practitioner.")] practitioner: Option<ID>,
    ) -> Result<impl Stream<Item = Result<Appointment>> + use<>> {
        let asking = Asking::of(ctx).clone();
        let appointment = read_maybe_id::<AppointmentId>(appointment.as_ref(), "appointment")?;
        let hospital = read_maybe_id::<HospitalId>(hospital.as_ref(), "hospital")?;
        let patient = read_maybe_id::<PatientId>(patient.as_ref(), "patient")?;
        let practitioner = read_maybe_id(practitioner.as_ref(), "practitioner")?;
        asking.permit_at(Permission::ReadPatients, hospital)?;
        if appointment.is_none() && hospital.is_none() && patient.is_none() && practitioner.is_none() {
            return Err(nothing_watched("appointment, hospital, patient or practitioner"));
        }
        let slot = appointment.map(|id| id.slot()).or(hospital.map(|id| id.slot()));
        let watched = Watched { category: "appointment", slot, only: appointment };
        let changes = changes::<Appointment>(asking, watched, appointments::MODELS).await?;
        Ok(changes.try_filter(move |row| {
            let wanted = hospital.is_none_or(|id| row.hospital_key() == Ok(id))
                && patient.is_none_or(|id| row.patient_key() == Ok(id))
                && practitioner.is_none_or(|id| row.practitioner_key() == Ok(id));
            std::future::ready(wanted)
        }))
    }

    /// Invoices that come to be or change. Give at least one argument; all given must hold.
    async fn invoice_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "This invoice.")] invoice: Option<ID>,
        #[graphql(desc = "Those of this hospital.")] hospital: Option<ID>,
        #[graphql(desc = "Those of this patient.")] patient: Option<ID>,
    ) -> Result<impl Stream<Item = Result<Invoice>> + use<>> {
        let asking = Asking::of(ctx).clone();
        let invoice = read_maybe_id::<InvoiceId>(invoice.as_ref(), "invoice")?;
        let hospital = read_maybe_id::<HospitalId>(hospital.as_ref(), "hospital")?;
        let patient = read_maybe_id::<PatientId>(patient.as_ref(), "patient")?;
        asking.permit_at(Permission::ReadBilling, hospital)?;
        if invoice.is_none() && hospital.is_none() && patient.is_none() {
            return Err(nothing_watched("invoice, hospital or patient"));
        }
        let slot = invoice.map(|id| id.slot()).or(hospital.map(|id| id.slot()));
        let watched = Watched { category: "invoice", slot, only: invoice };
        let changes = changes::<Invoice>(asking, watched, invoices::MODELS).await?;
        Ok(changes.try_filter(move |row| {
            let wanted =
                hospital.is_none_or(|id| row.hospital_key() == id) && patient.is_none_or(|id| row.patient_key() == id);
            std::future::ready(wanted)
        }))
    }
}

fn nothing_watched(arguments: &str) -> async_graphql::Error {
    Problem::new("argument-missing", format!("say what to watch: {arguments}")).into()
}

/// Whose events are of interest: streams of a category, those of one slot or one row alone.
struct Watched<K> {
    category: &'static str,
    slot: Option<Slot>,
    only: Option<K>,
}

/// The rows of a kind, each time their streams grow, from now on.
async fn changes<T>(
    asking: Arc<Asking>,
    watched: Watched<T::Key>,
    models: &'static [&'static str],
) -> Answer<impl Stream<Item = Result<T>> + use<T>>
where
    T: Found,
    T::Key: Ord + FromStr,
{
    let log = asking.deps.log.clone();
    let partition = watched.slot.map(|slot| log.partition_of(slot));
    let heads = log.head().await?;
    let followed = heads.into_iter().filter(|head| partition.is_none_or(|only| head.partition == only));
    let chunks: Vec<_> = followed.map(|head| follow(asking.clone(), head.partition, head.size)).collect();
    let touched = futures::stream::select_all(chunks).map_ok(move |chunk| {
        let mut keys = BTreeSet::new();
        let mut token = Token::empty();
        for stored in chunk.iter().filter(|stored| stored.context.stream.category() == watched.category) {
            let key = stored.context.stream.key().parse::<T::Key>().ok();
            if let Some(key) = key.filter(|key| watched.only.is_none_or(|only| only == *key)) {
                keys.insert(key);
                token.include(stored.context.position);
            }
        }
        (keys, token)
    });
    Ok(touched
        .map_err(|failure| async_graphql::Error::from(Problem::failed(&failure)))
        .and_then(move |(keys, token)| rows_after::<T>(asking.clone(), keys, token, models))
        .map_ok(|found| futures::stream::iter(found.into_iter().map(Ok)))
        .try_flatten())
}

/// The log's events of a partition from an offset on, for as long as somebody listens.
fn follow(
    asking: Arc<Asking>,
    partition: carelog_domain::kernel::Partition,
    from: u64,
) -> impl Stream<Item = std::result::Result<Vec<Stored>, Failure>> + Send + Unpin + use<> {
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    // The port's stream borrows the log; a task that owns both lends it to itself.
    tokio::spawn(async move {
        let mut chunks = asking.deps.log.subscribe(partition, from);
        loop {
            let chunk = tokio::select! {
                chunk = chunks.next() => chunk,
                () = sender.closed() => return,
            };
            let Some(chunk) = chunk else { return };
            if sender.send(chunk).await.is_err() {
                return;
            }
        }
    });
    tokio_stream::wrappers::ReceiverStream::new(receiver)
}

/// The rows, read once the read model has the token.
async fn rows_after<T: Found>(
    asking: Arc<Asking>,
    keys: BTreeSet<T::Key>,
    token: Token,
    models: &'static [&'static str],
) -> Result<Vec<T>> {
    if keys.is_empty() {
        return Ok(vec![]);
    }
    let wait = asking.deps.limits.wait_max;
    // When the read model is late the row is sent as it is; the next change sends it again.
    if !asking.deps.freshness.reached(models, &token, wait).await.map_err(Problem::from)? {
        tracing::warn!(model = models[0], token = %token, "a change is shown before its read model has it");
    }
    let mut select = T::select().among(T::AMONG, keys.iter().map(|key| key.to_string().into()));
    if let Some(condition) = T::REACH {
        select = select.among_some(condition, asking.reach());
    }
    let found = asking.read_one_after(&token, models, select.ending(T::ORDER).statement()).await?;
    let found: Answer<Vec<T>> = rows(found).map(<T as FromRow>::read).collect();
    Ok(found?)
}
