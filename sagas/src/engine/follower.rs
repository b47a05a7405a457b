//! One partition's follower: looks at every durable event in log order, lets the sagas react, and hands what they ask
//! for to tasks of their own. Reacting is in log order and pure; carrying out is pipelined (see `order`).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use carelog_domain::event::{Event, ProcessEvent};
use carelog_domain::kernel::{Context, Recorded};
use carelog_domain::ports::{Failure, Stored};
use carelog_domain::process::events::SagaStepRetried;
use futures::StreamExt;
use tokio::sync::Semaphore;

use super::Shared;
use super::alarms::Alarm;
use super::instances::{Instance, Instances, Known};
use super::order::Lines;
use super::place::Place;
use super::reaction::Reaction;
use crate::catalog::Kind;
use crate::saga::{Intent, alarm_id};

/// Types the engine itself must see, whatever the sagas take.
const ENGINE_TAKES: &[&str] = &[
    "HospitalRegistered",
    "PoliciesSet",
    "PriceListSet",
    "AlarmRang",
    "SagaStepRetried",
    "ImportStarted",
    "ImportAdvanced",
    "ImportFinished",
];

const RETRY_AFTER: Duration = Duration::from_millis(500);

pub(crate) struct Follower {
    shared: Arc<Shared>,
    place: Arc<Place>,
    instances: Instances,
    lines: Lines,
    room: HashMap<&'static str, Arc<Semaphore>>,
}

impl Follower {
    pub(crate) fn new(shared: Arc<Shared>, place: Arc<Place>) -> Follower {
        let room = shared.kinds.iter().map(|kind| (kind.name, Arc::new(Semaphore::new(kind.in_flight_max)))).collect();
        let instances = Instances::new(shared.config.instances_max);
        Follower { shared, place, instances, lines: Lines::default(), room }
    }

    /// Follows the partition until the engine stops.
    pub(crate) async fn run(mut self) {
        let shared = self.shared.clone();
        loop {
            let mut events = shared.log.subscribe(self.place.partition, self.place.progress.next());
            while let Some(chunk) = shared.unless_stopped(events.next()).await.flatten() {
                match chunk {
                    Ok(chunk) => {
                        for stored in &chunk {
                            if !self.take_until_taken(stored).await {
                                return;
                            }
                        }
                        shared.settling.ticked();
                    }
                    Err(failure) => {
                        shared.trouble("the log could not be followed", &failure);
                        break;
                    }
                }
            }
            if !shared.pause(RETRY_AFTER).await {
                return;
            }
        }
    }

    /// An event that cannot be taken is never skipped: it is tried until it can, loudly. False when the engine stops.
    async fn take_until_taken(&mut self, stored: &Stored) -> bool {
        let next = stored.context.position.offset + 1;
        while let Err(failure) = self.take(stored).await {
            self.shared.trouble("sagas are stuck at an event", &failure);
            metrics::counter!("carelog_saga_stuck_total").increment(1);
            if !self.shared.pause(RETRY_AFTER).await {
                return false;
            }
        }
        if self.shared.is_stopped() {
            return false; // What was not handed out must not count as looked at.
        }
        self.place.progress.dispatched(next);
        true
    }

    async fn take(&mut self, stored: &Stored) -> Result<(), Failure> {
        let event_type = stored.event_type.as_str();
        let wanted = |kind: &&Arc<Kind>| kind.takes.contains(&event_type);
        let kinds: Vec<Arc<Kind>> = self.shared.kinds.iter().filter(wanted).cloned().collect();
        if kinds.is_empty() && !ENGINE_TAKES.contains(&event_type) {
            return Ok(());
        }
        let recorded = self.shared.read(stored, kinds.iter().any(|kind| kind.opens)).await?;
        self.note(&recorded).await?;
        for kind in kinds {
            if let Some(instance) = kind.instance(&recorded) {
                self.react(&kind, &instance, &recorded).await?;
            }
        }
        Ok(())
    }

    /// What the engine itself makes of an event.
    async fn note(&mut self, recorded: &Recorded<Event>) -> Result<(), Failure> {
        let offset = recorded.context.position.offset;
        match &recorded.event {
            Event::OrganizationEvent(_) => self.instances.follow(recorded),
            Event::ProcessEvent(ProcessEvent::AlarmRang(e)) => {
                self.place.alarms.take_off(e.alarm, offset);
            }
            Event::ProcessEvent(ProcessEvent::SagaStepRetried(e)) => self.retry(e, &recorded.context).await?,
            Event::ProcessEvent(event) => self.place.alarms.follow(event),
            _ => {}
        }
        Ok(())
    }

    async fn react(&mut self, kind: &Arc<Kind>, instance: &str, recorded: &Recorded<Event>) -> Result<(), Failure> {
        let offset = recorded.context.position.offset;
        if self.place.letters.wait(kind.name, instance, recorded.context.correlation) {
            // The retry takes everything up from the log.
            self.instances.forget(kind, instance);
            return Ok(());
        }
        let hospital = self.instances.hospital(&self.shared, kind, recorded).await?;
        let hot = self.instances.before(&self.shared, kind, instance, offset).await?;
        if hot.upto >= Some(offset) {
            return Ok(());
        }
        let intents = hot.process.intents(recorded, &hospital);
        let known = hot.known.clone();
        if !intents.is_empty() {
            self.hand_out(kind, instance, recorded, intents, known, offset).await;
        }
        // Only now: when the engine stops or fails before, the event is taken again.
        let hot = self.instances.before(&self.shared, kind, instance, offset).await?;
        hot.process.take(recorded, &hospital);
        hot.upto = Some(offset);
        Ok(())
    }

    /// Registers a reaction and starts the task that carries it out. No checkpoint passes `held_at` before it is done.
    async fn hand_out(
        &mut self,
        kind: &Arc<Kind>,
        instance: &str,
        recorded: &Recorded<Event>,
        intents: Vec<Intent>,
        known: Arc<Known>,
        held_at: u64,
    ) {
        let room = self.room[kind.name].clone();
        let Some(Ok(permit)) = self.shared.unless_stopped(room.acquire_owned()).await else { return };
        let context = &recorded.context;
        self.place.progress.begin(held_at);
        self.change_alarms(kind, instance, recorded, &intents);
        let lane = self.lines.turn(&format!("{}:{instance}", kind.name));
        let lines = &mut self.lines;
        let intents = intents.into_iter().map(|intent| {
            let orders: &[String] = if let Intent::Send { orders, .. } = &intent { orders } else { &[] };
            (orders.iter().map(|order| lines.turn(order)).collect(), intent)
        });
        let intents = intents.collect();
        let reaction = Reaction {
            shared: self.shared.clone(),
            place: self.place.clone(),
            kind: kind.clone(),
            instance: instance.to_owned(),
            cause: context.clone(),
            intents,
            lane,
            known,
            held_at,
            _permit: permit,
        };
        self.place.spawn(reaction.run());
    }

    /// Alarms are set and cancelled in log order, at once; their records follow.
    fn change_alarms(&self, kind: &Kind, instance: &str, recorded: &Recorded<Event>, intents: &[Intent]) {
        let context = &recorded.context;
        let alarms = &self.place.alarms;
        for intent in intents {
            match intent {
                Intent::SetAlarm { step, kind: what, due } if *due > context.recorded_at => alarms.set(Alarm {
                    id: alarm_id(kind.name, instance, step, context),
                    saga: kind.name.to_owned(),
                    instance: instance.to_owned(),
                    kind: (*what).to_owned(),
                    due: *due,
                    hospital: recorded.event.hospital().or(context.hospital),
                    cause: context.id,
                    cause_recorded_at: context.recorded_at,
                    correlation: context.correlation,
                    traceparent: context.traceparent.clone(),
                    set_at: context.position.offset,
                }),
                Intent::CancelAlarm { alarm, .. } => alarms.take_off(*alarm, context.position.offset),
                Intent::SetAlarm { .. } | Intent::Send { .. } | Intent::ReadLabReport { .. } => {}
            }
        }
    }

    /// Takes an instance up again from the event whose reaction failed (from the beginning when its letter is gone:
    /// what was done is not done again).
    async fn retry(&mut self, retried: &SagaStepRetried, context: &Context) -> Result<(), Failure> {
        let Some(kind) = self.shared.kinds.iter().find(|kind| kind.name == retried.saga).cloned() else {
            return Ok(());
        };
        let offset = context.position.offset;
        let letter = self.place.letters.get(&retried.saga, &retried.instance);
        if letter.as_ref().is_some_and(|letter| letter.failed_offset > offset || letter.step != retried.step) {
            return Ok(()); // It was about an earlier failure.
        }
        let from = letter.map_or(0, |letter| letter.cause_offset);
        let history = self.shared.history(&kind, &retried.instance).await?;
        if history.known.retries == 0 {
            return Ok(()); // There was no dead letter to retry.
        }
        let known = Arc::new(history.known);
        let mut process = (kind.fresh)();
        let mut again = vec![];
        for recorded in history.events.into_iter().filter(|recorded| recorded.context.position.offset < offset) {
            let hospital = self.instances.hospital(&self.shared, &kind, &recorded).await?;
            let intents = process.intents(&recorded, &hospital);
            process.take(&recorded, &hospital);
            again.push((recorded, intents));
        }
        // Nothing can fail from here on, so that the letter is not lost half-way.
        self.place.letters.take_off(&retried.saga, &retried.instance, context.position);
        for (recorded, intents) in again.into_iter().filter(|(recorded, _)| recorded.context.position.offset >= from) {
            if let Event::ProcessEvent(ProcessEvent::AlarmRang(e)) = &recorded.event {
                self.place.alarms.take_off(e.alarm, recorded.context.position.offset);
            }
            if !intents.is_empty() {
                self.hand_out(&kind, &retried.instance, &recorded, intents, known.clone(), offset).await;
            }
        }
        self.instances.put(&kind, &retried.instance, Instance { process, upto: Some(offset), known });
        Ok(())
    }
}
