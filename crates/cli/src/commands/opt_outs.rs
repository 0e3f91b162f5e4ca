//! `opt-outs`: a list of people who do not want messages, by hand.

use std::io::Read;

use serde::Serialize;
use sinch_batch::models::{Channel, Timestamp};
use sinch_batch::recipients::opt_outs::{OptOutEvent, OptOutFile, OptOutKind, identity_fault};

use crate::args::{OptOutsCommand, OptOutsFile};
use crate::fail::{Failure, output};
use crate::output::{count, grouped, out, write_json_line};
use crate::{exit, input, suppress};

pub(crate) async fn run(command: OptOutsCommand) -> Result<u8, Failure> {
    input::blocking(move || match command {
        OptOutsCommand::Add { identity, channel, is_in, list } => add(&identity, channel, is_in, &list),
        OptOutsCommand::List { list } => show(&list),
        OptOutsCommand::Check { identity, channel, list } => check(&identity, channel.as_ref(), &list),
    })
    .await
}

fn existing(list: &OptOutsFile) -> Result<OptOutFile, Failure> {
    let key = suppress::key()?;
    if !list.opt_outs.exists() {
        return Err(Failure::new(exit::BAD_INPUT, format!("there is no list {}", list.opt_outs.display()))
            .hint("`opt-outs add` and `listen --opt-outs` make one"));
    }
    OptOutFile::open(&list.opt_outs, key).map_err(|error| suppress::list_failed(&list.opt_outs, &error))
}

/// What was typed, or the lines of standard input.
fn identities(typed: &str) -> Result<Vec<String>, Failure> {
    if typed != "-" {
        return Ok(vec![typed.to_owned()]);
    }
    let mut text = String::new();
    std::io::stdin().lock().read_to_string(&mut text).map_err(|error| {
        Failure::because(exit::BAD_INPUT, "standard input cannot be read", &error).hint("give one identity per line")
    })?;
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

/// Refuses an identity that no recipient could have. It is named by its place alone: it is somebody's.
fn refuse_faults(identities: &[String], channel: Option<&Channel>) -> Result<(), Failure> {
    let lead = |number: usize| if identities.len() > 1 { format!("line {number}: ") } else { String::new() };
    for (number, identity) in (1..).zip(identities) {
        if let Some(fault) = identity_fault(channel, identity) {
            return Err(Failure::new(exit::USAGE, format!("{}{fault}; nothing was added", lead(number)))
                .hint("give a number with its country, such as +15550100001, or another identity as it is sent to"));
        }
    }
    Ok(())
}

fn add(typed: &str, channel: Option<Channel>, is_in: bool, list: &OptOutsFile) -> Result<u8, Failure> {
    let identities = identities(typed)?;
    refuse_faults(&identities, channel.as_ref())?;
    let key = suppress::key()?;
    let now = Timestamp::now();
    let events: Vec<_> = identities
        .iter()
        .map(|identity| match is_in {
            true => OptOutEvent::back_in(&key, channel.clone(), identity, OptOutKind::All, now),
            false => OptOutEvent::out(&key, channel.clone(), identity, OptOutKind::All, now),
        })
        .collect();
    let failed = |error| suppress::list_failed(&list.opt_outs, &error);
    OptOutFile::open(&list.opt_outs, key).map_err(failed)?.append(&events).map_err(failed)?;
    let added = events.len() as u64;
    if list.json.json {
        write_json_line(&Added { added })?;
    } else {
        let what = match is_in {
            true => count(added, "opt-in", "opt-ins"),
            false => count(added, "opt-out", "opt-outs"),
        };
        out(format!("{what} added\n").as_bytes()).map_err(output)?;
    }
    Ok(exit::OK)
}

#[derive(Serialize)]
struct Added {
    added: u64,
}

#[derive(Serialize)]
struct Shown {
    /// Lines of the list.
    events: u64,
    opted_out: Vec<OnChannel>,
}

#[derive(Serialize)]
struct OnChannel {
    /// None for all of them.
    channel: Option<Channel>,
    identities: u64,
}

fn show(list: &OptOutsFile) -> Result<u8, Failure> {
    let opt_outs = existing(list)?.read().map_err(|error| suppress::list_failed(&list.opt_outs, &error))?;
    let opted_out: Vec<_> =
        opt_outs.counts().into_iter().map(|(channel, identities)| OnChannel { channel, identities }).collect();
    if list.json.json {
        write_json_line(&Shown { events: opt_outs.n_events(), opted_out })?;
        return Ok(exit::OK);
    }
    let mut text = String::new();
    for one in &opted_out {
        let channel = one.channel.as_ref().map_or("all channels", Channel::as_str);
        text.push_str(&format!("{channel:<14}{:>12} opted out\n", grouped(one.identities)));
    }
    text.push_str(&format!("{} in the list\n", count(opt_outs.n_events(), "event", "events")));
    out(text.as_bytes()).map_err(output)?;
    Ok(exit::OK)
}

#[derive(Serialize)]
struct Answer {
    opted_out: bool,
}

fn check(typed: &str, channel: Option<&Channel>, list: &OptOutsFile) -> Result<u8, Failure> {
    let identities = identities(typed)?;
    refuse_faults(&identities, channel)?;
    let [identity] = identities.as_slice() else {
        return Err(Failure::new(exit::USAGE, "one identity is checked at a time").hint("give one identity"));
    };
    let is_out = existing(list)?.is_out(channel, identity);
    let opted_out = is_out.map_err(|error| suppress::list_failed(&list.opt_outs, &error))?;
    if list.json.json {
        write_json_line(&Answer { opted_out })?;
    } else {
        let text = if opted_out { "opted out\n" } else { "not opted out\n" };
        out(text.as_bytes()).map_err(output)?;
    }
    Ok(exit::OK)
}
