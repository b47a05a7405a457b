//! Rings a partition's alarms: each once, as an event in its saga's stream, and only when the follower has seen
//! everything that is in the log, so that an alarm cancelled a moment ago does not ring.

use std::sync::Arc;
use std::time::Duration;

use carelog_domain::ports::Failure;
use carelog_domain::process::events::AlarmRang;

use super::Shared;
use super::alarms::Alarm;
use super::place::Place;
use super::records::Cause;

const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Rings until the engine stops.
pub(crate) async fn ring(shared: Arc<Shared>, place: Arc<Place>) {
    while !shared.is_stopped() {
        let (ready, next) = place.alarms.due(shared.clock.now());
        if ready.is_empty() {
            let alarm = async {
                match next {
                    Some(next) => shared.clock.sleep_until(next).await,
                    None => std::future::pending().await,
                }
            };
            let changed = place.alarms.changed.notified();
            let woken = async {
                tokio::select! { () = alarm => {}, () = changed => {} }
            };
            if shared.unless_stopped(woken).await.is_none() {
                return;
            }
        } else if let Err(failure) = ring_all(&shared, &place, ready).await {
            shared.trouble("alarms could not ring", &failure);
            shared.pause(RETRY_AFTER).await;
        }
    }
}

async fn ring_all(shared: &Shared, place: &Place, ready: Vec<Alarm>) -> Result<(), Failure> {
    if !shared.caught_up(place).await? {
        return Ok(());
    }
    for alarm in ready.into_iter().filter(|alarm| place.alarms.is_set(alarm.id)) {
        let event = AlarmRang {
            saga: alarm.saga.clone(),
            instance: alarm.instance.clone(),
            alarm: alarm.id,
            kind: alarm.kind.clone(),
            due_at: alarm.due,
        };
        let cause = Cause {
            id: alarm.cause,
            recorded_at: alarm.cause_recorded_at,
            occurred_at: alarm.due,
            occurred_assumed: false,
            hospital: alarm.hospital,
            correlation: alarm.correlation,
            traceparent: alarm.traceparent.clone(),
        };
        let name = format!("rang:{}", alarm.id);
        let Some(rang) = shared.record(&alarm.saga, &alarm.instance, &name, event.into(), &cause).await else {
            return Ok(());
        };
        place.alarms.take_off(alarm.id, rang.context.position.offset);
        metrics::counter!("carelog_saga_alarms_total", "saga" => alarm.saga).increment(1);
    }
    Ok(())
}
