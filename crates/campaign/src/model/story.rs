//! One story: troubles for a while, then calm, in which one more run has to finish everything.

use std::time::Duration;

use sinch_batch_ledger::{BatchStage, Phase};
use sinch_batch_models::BatchState;

use super::service::Faults;
use super::world::{Event, Failure, Judged, Tally, World};
use crate::StopReason;
use crate::limits::SendLimits;
use crate::step::Input;

/// What a story is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Plot {
    /// Anything but a broken bound.
    Troubles,
    /// Another copy of the ledger has sent some batches.
    OldLedger,
    /// Anything but a broken bound, and somebody cancels the campaign.
    Cancelled,
    /// The service shows batches later than it may.
    BoundBroken,
}

const SECOND: u64 = 1000;
const MOST_EVENTS: u32 = 300_000;

pub(super) fn tell(seed: u64, plot: Plot, with_lines: bool) -> Result<Tally, Failure> {
    let mut world = World::new(seed, 1, false);
    let n_batches = world.choices.between(1, 9) as u32;
    world = World::new(seed, n_batches, with_lines);
    match play(&mut world, plot) {
        Ok(()) => Ok(world.tally),
        Err(why) => Err(Failure { seed, why, lines: world.lines.unwrap_or_default() }),
    }
}

fn play(world: &mut World, plot: Plot) -> Judged {
    let limits = limits(world);
    let bound = limits.resend_after.as_millis() as u64;
    let percent = [0, 10, 30, 60][world.choices.between(0, 4) as usize];
    let hidden = if plot == Plot::BoundBroken { bound * 20 } else { bound };
    let twins = if world.choices.percent(10) { 20 } else { 0 };
    world.service.faults = Faults { percent: if plot == Plot::BoundBroken { 60 } else { percent }, twins, hidden };
    world.receipts = plot != Plot::BoundBroken && world.choices.percent(50);
    world.ledger_faults = if world.choices.percent(20) { 10 } else { 0 };
    world.twitches = if world.choices.percent(40) { world.choices.between(1, 7) as u32 } else { 0 };
    if plot == Plot::Cancelled {
        world.service.held_back = if world.choices.percent(70) { 400 * SECOND } else { 0 };
        world.recaller.deaths = world.choices.between(0, 4) as u32;
    }
    plan_troubles(world, plot);
    run(world, &limits)?;
    if plot == Plot::OldLedger {
        return old_ledger(world, &limits);
    }
    if plot == Plot::Cancelled {
        return cancelled(world, &limits);
    }
    calm(world, &limits)
}

fn limits(world: &mut World) -> SendLimits {
    let in_flight = world.choices.between(1, 5) as u32;
    let resend_after = [10, 30, 60][world.choices.between(0, 3) as usize];
    let grace = [120, 600][world.choices.between(0, 2) as usize];
    SendLimits::default()
        .with_in_flight(in_flight)
        .with_resend_after(Duration::from_secs(resend_after))
        .with_takeover_grace(Duration::from_secs(grace))
        .with_max_rate([1, 3, 100][world.choices.between(0, 3) as usize])
}

/// When what goes wrong.
fn plan_troubles(world: &mut World, plot: Plot) {
    let several = plot != Plot::OldLedger;
    let n_workers = if several { world.choices.between(1, 4) } else { 1 };
    for _ in 0..n_workers {
        let at = if world.choices.percent(50) { 0 } else { world.choices.between(0, 120 * SECOND) };
        world.at(at, Event::Begin);
    }
    // Later runs come whatever became of the earlier ones.
    if several {
        for _ in 0..world.choices.between(0, 3) {
            let at = world.choices.between(0, 1500 * SECOND);
            world.at(at, Event::Begin);
        }
    }
    if several && world.choices.percent(if plot == Plot::Cancelled { 40 } else { 15 }) {
        let scale = if plot == Plot::Cancelled { 20 * SECOND } else { 100 * SECOND };
        let at = world.choices.between(1, scale);
        world.at(at, Event::PauseCampaign);
    }
    if plot == Plot::Cancelled {
        let scale = if world.choices.percent(60) { 2 * SECOND } else { 100 * SECOND };
        let at = world.choices.between(1, scale);
        world.at(at, Event::Cancel);
    }
    for _ in 0..world.choices.between(0, 7) {
        let scale = if world.choices.percent(60) { 3 * SECOND } else { 200 * SECOND };
        let at = world.choices.between(1, scale);
        let worker = world.choices.between(0, n_workers) as usize;
        let long = if world.choices.percent(50) { 60 * SECOND } else { 1800 * SECOND };
        let long = world.choices.between(SECOND, long);
        let event = match world.choices.between(0, 10) {
            0..=3 => Event::Freeze(worker, long),
            4..=6 => Event::Die(worker),
            7 => Event::Interrupt(worker),
            8 => Event::Pause(long),
            _ => Event::SetWall(world.choices.between(0, 7200 * SECOND) as i64 - 3_600_000),
        };
        world.at(at, event);
    }
}

/// Plays until nothing more happens.
fn run(world: &mut World, limits: &SendLimits) -> Judged {
    let mut events = 0;
    while let Some(((time, _), event)) = world.queue.pop_first() {
        events += 1;
        if events > MOST_EVENTS {
            return Err("the story does not end".to_owned());
        }
        world.now = world.now.max(time);
        happen(world, event, limits)?;
    }
    match world.actors.iter().position(|actor| actor.alive) {
        Some(index) => Err(format!("w{index} waits for nothing")),
        None => world.judge(),
    }
}

fn happen(world: &mut World, event: Event, limits: &SendLimits) -> Judged {
    // A frozen worker goes on later, with what was about to happen.
    if let Event::Obey(index, ..) | Event::Give(index, _) | Event::Wake(index, _) = &event {
        let frozen_until = world.actors[*index].frozen_until;
        if world.now < frozen_until {
            world.at(frozen_until, event);
            return Ok(());
        }
    }
    let there = |world: &World, index: usize| world.actors.get(index).is_some_and(|actor| actor.alive);
    match event {
        Event::Begin if world.is_cancelled() => world.count("refused to begin"),
        Event::Begin => {
            let provable = world.choices.percent(50);
            world.begin(limits, provable, false)?;
        }
        Event::Obey(index, command, given) => world.obey(index, command, given)?,
        Event::Give(index, inputs) => world.give(index, inputs)?,
        Event::Wake(index, generation) => world.wake(index, generation)?,
        Event::CallEnded(call) => {
            world.calls.remove(&call);
        }
        Event::Freeze(index, for_) if there(world, index) => {
            world.say(|| format!("w{index} freezes for {} s", for_ / SECOND));
            world.count("froze");
            let until = world.now + for_;
            let frozen_until = &mut world.actors[index].frozen_until;
            *frozen_until = until.max(*frozen_until);
        }
        Event::Die(index) if there(world, index) => world.die(index),
        Event::Interrupt(index) if there(world, index) => {
            world.count("interrupted");
            world.at(world.now, Event::Give(index, vec![Input::Stop(StopReason::Interrupted, None)]));
        }
        Event::PauseCampaign => world.pause_campaign(),
        Event::Cancel => world.stop_campaign(),
        Event::Recall(number, news) => world.recall(number, news)?,
        Event::Pause(for_) => world.pause(for_),
        Event::SetWall(by) => world.set_wall(by),
        Event::Receipt(number, names_batch) => {
            world.receipt(number, names_batch);
            world.judge()?;
        }
        Event::Freeze(..) | Event::Die(_) | Event::Interrupt(_) => {}
    }
    Ok(())
}

/// Another copy of the ledger has sent what this one calls planned or refused.
fn old_ledger(world: &mut World, limits: &SendLimits) -> Judged {
    world.now += 3600 * SECOND;
    world.receipts = false;
    world.twitches = 0;
    let open = world.batches().into_iter().filter(|batch| {
        matches!(batch.stage, BatchStage::Planned | BatchStage::Refused)
            && !world.service.books.contains_key(&batch.number)
    });
    // What was tried more than once may be looked up and adopted, old ledger or not.
    let open: Vec<_> = open.map(|batch| (batch.number, batch.attempts < 2)).collect();
    let n_sent = world.choices.between(1, open.len() as u64 + 1) as usize;
    let mut to_be_noticed = false;
    for (number, is_probed) in open.iter().take(n_sent) {
        to_be_noticed |= is_probed;
        world.say(|| format!("another copy of the ledger sends batch {number}"));
        let now = world.now;
        world.service.accept_of_another(*number, now, &mut world.choices);
    }
    for _ in 0..3 {
        if world.is_behind(limits) {
            world.say(|| "the ledger is known to be old".to_owned());
            return Ok(());
        }
        let provable = world.choices.percent(50);
        let index = world.begin(limits, provable, true)?;
        // One of two may find it while the other looks at batches that are really planned.
        let together = world.choices.percent(50);
        if together {
            world.begin(limits, provable, true)?;
        }
        run(world, limits)?;
        let actor = &world.actors[index];
        let stopped = actor.outcome.as_ref().and_then(|outcome| outcome.stopped);
        if stopped.is_none() && to_be_noticed && !together {
            return Err(format!("w{index} did not notice that its ledger is old"));
        }
        world.now += 3600 * SECOND;
    }
    Ok(())
}

/// All troubles are over: one more recall comes to its end, and the sums are those of the service.
fn cancelled(world: &mut World, limits: &SendLimits) -> Judged {
    world.say(|| "calm".to_owned());
    world.service.faults = Faults::default();
    world.recaller.deaths = 0;
    world.stop_campaign();
    run(world, limits)?;
    let status = world.status();
    if status.phase != Phase::Cancelled {
        return Err(format!("the campaign is {} after the last recall", status.phase));
    }
    let (mut accepted, mut recalled) = (0, 0);
    for batch in world.batches() {
        let number = batch.number;
        let copy = world.service.books.get(&number).and_then(|copies| copies.first()).cloned();
        let was_recalled = copy.as_ref().is_some_and(|copy| copy.is_recalled(u64::MAX));
        if let Some(copy) = &copy {
            accepted += batch.rows.len();
            recalled += if was_recalled { batch.rows.len() } else { 0 };
            world.count(if was_recalled { "recalled in time" } else { "had gone" });
            // Whatever of it was under way has long gone.
            world.now = world.now.max(copy.leaves_at);
        }
        // Of two batches under one id the second may stay unknown, and what is asked of one is asked of both.
        if !world.service.twins.is_empty() {
            continue;
        }
        let is_known = batch.stage == BatchStage::Accepted;
        if copy.is_some() && !is_known {
            // Only a look-up that came before the service showed it can miss it.
            if batch.stage != BatchStage::Unknown || !world.recaller.absent.contains(&number) {
                return Err(format!("the service has batch {number}, the ledger calls it {}", batch.stage.as_str()));
            }
            accepted -= batch.rows.len();
        }
        if was_recalled != (batch.state == Some(BatchState::Cancelled)) {
            return Err(format!("batch {number} was recalled: {was_recalled}; the ledger has {:?}", batch.state));
        }
    }
    if world.service.twins.is_empty() && (status.accepted, status.messages.cancelled) != (accepted, recalled) {
        return Err(format!("the service has {accepted} rows and recalled {recalled}, the ledger {status:?}"));
    }
    Ok(())
}

/// All troubles are over: one more run finishes everything, each batch once.
fn calm(world: &mut World, limits: &SendLimits) -> Judged {
    world.say(|| "calm".to_owned());
    world.service.faults = Faults::default();
    world.ledger_faults = 0;
    world.twitches = 0;
    world.now += limits.resend_after.as_millis() as u64;
    let index = world.begin(limits, true, false)?;
    run(world, limits)?;
    let outcome = world.actors[index].outcome.clone().ok_or("the last run did not end")?;
    let twins = world.service.twins.clone();
    if twins.is_empty() && !outcome.is_complete() {
        return Err(format!("the last run left something undone: {outcome:?}"));
    }
    for batch in world.batches() {
        let number = batch.number;
        if batch.stage != BatchStage::Accepted && !twins.contains(&number) {
            return Err(format!("batch {number} is {} at the end", batch.stage.as_str()));
        }
        if world.service.books.get(&number).map_or(0, Vec::len) != 1 {
            return Err(format!("the service does not have batch {number} at the end, exactly once"));
        }
    }
    Ok(())
}
