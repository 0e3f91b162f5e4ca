//! Which stories are played, how many at a time, and what came of them.

use std::path::Path;
use std::pin::pin;
use std::time::{Duration, Instant};

use comfy_table::{Table, presets};
use serde::Serialize;
use tokio::task::JoinSet;

use super::stage::{Ledgers, Played, play};
use super::story::{BOUND, Story};
use crate::args::TortureArgs;
use crate::fail::{Failure, output};
use crate::output::{complain, count, out, write_json_line};
use crate::{exit, say, signals};

/// How many seeds if nobody says how many.
const SEEDS: u64 = 10;

/// What came of all.
#[derive(Debug, Default, Serialize)]
struct Totals {
    seeds: u64,
    runs: u64,
    kills: u64,
    faults: u64,
    rows: u64,
    cancels: u64,
    recalled: u64,
    retries: u64,
    doubled: u64,
    lost: u64,
    unknown: u64,
    receipts_lost: u64,
    contradictions: u64,
    bound: String,
}

pub(crate) async fn run(args: TortureArgs) -> Result<u8, Failure> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::because(exit::UNEXPECTED, "this program cannot find itself", &error))?;
    let began = Instant::now();
    if args.prove {
        let stories = [Story::breaks_the_bound(), Story::removes_a_receipt()];
        let totals = play_all(stories.into_iter(), &program, &None, tell_proof).await?;
        print(&totals, args.json.json)?;
        return prove(&totals);
    }
    let seeds = args.seeds.unwrap_or(if args.minutes.is_some() { u64::MAX } else { SEEDS });
    let end = args.minutes.map(|minutes| began + Duration::from_secs(minutes * 60));
    let in_time = move || end.is_none_or(|end| Instant::now() < end);
    let stories = (0..seeds)
        .map_while(move |n| in_time().then(|| Story::of(args.seed.wrapping_add(n)).with_workers(args.workers - 1)));
    let ledgers = args.ledger.as_deref().map(Ledgers::read).transpose()?;
    let totals = play_all(stories, &program, &ledgers, tell).await?;
    if totals.seeds < seeds {
        say!("the time is over after {}", count(totals.seeds, "seed", "seeds"));
    }
    print(&totals, args.json.json)?;
    conclude(&totals)
}

/// Plays stories, as many at a time as there are cores. When somebody asks to stop, every process that was
/// started is ended first.
async fn play_all(
    mut stories: impl Iterator<Item = Story>,
    program: &Path,
    ledgers: &Option<Ledgers>,
    tell: fn(&Played),
) -> Result<Totals, Failure> {
    let width = std::thread::available_parallelism().map_or(1, usize::from);
    let mut stop = pin!(signals::stop_signal());
    let mut tasks = JoinSet::new();
    let mut totals = Totals { bound: format!("{}s", BOUND.as_secs()), ..Totals::default() };
    loop {
        while tasks.len() < width {
            let Some(story) = stories.next() else { break };
            let ledger = ledgers.as_ref().and_then(|ledgers| ledgers.of(&story));
            tasks.spawn(play(story, program.to_owned(), ledger));
        }
        let done = tokio::select! {
            signal = &mut stop => {
                tasks.shutdown().await;
                let seeds = count(totals.seeds, "seed", "seeds");
                return Err(Failure::new(signal, format!("stopped after {seeds}; all processes were ended"))
                    .hint("go on with others: sinch-batch torture --seed S"));
            }
            done = tasks.join_next() => done,
        };
        match done {
            None => return Ok(totals),
            Some(Ok(played)) => {
                totals.add(&played);
                tell(&played);
            }
            Some(Err(error)) => {
                tasks.shutdown().await;
                return Err(Failure::because(exit::UNEXPECTED, "a story broke off", &error)
                    .hint("report it to the authors, with its seed"));
            }
        }
    }
}

impl Totals {
    fn add(&mut self, played: &Played) {
        self.seeds += 1;
        self.runs += played.runs;
        self.kills += played.kills;
        self.faults += played.faults;
        self.rows += played.rows;
        self.cancels += u64::from(played.is_cancelled);
        self.recalled += played.recalled;
        self.retries += played.retries;
        self.doubled += played.verdict.doubled;
        self.lost += played.verdict.lost;
        self.unknown += played.verdict.unknown;
        self.receipts_lost += played.verdict.receipts_lost;
        self.contradictions += played.verdict.contradictions;
    }

    fn is_clean(&self) -> bool {
        self.doubled + self.lost + self.unknown + self.receipts_lost + self.contradictions == 0
    }
}

/// One line for a seed; for one that failed, what was wrong and where to look.
fn tell(played: &Played) {
    let Played { seed, verdict, .. } = played;
    let mut what = format!(
        "seed {seed}: {}, {}, {}",
        count(played.rows, "row", "rows"),
        count(played.kills, "kill", "kills"),
        count(played.faults, "fault", "faults")
    );
    if played.is_cancelled {
        what.push_str(&format!(", cancelled with {} recalled", count(played.recalled, "row", "rows")));
    }
    if played.retries > 0 {
        what.push_str(&format!(", {}", count(played.retries, "retry", "retries")));
    }
    if verdict.is_clean() {
        return say!("{what}: nothing doubled, nothing lost");
    }
    complain(&format_args!("{what}: {}", verdict.sentences.join("; ")));
    if let Some(folder) = &played.folder {
        complain(&format_args!("seed {seed}: see {}", folder.display()));
    }
    complain(&format_args!("seed {seed}: again with: sinch-batch torture --seed {seed} --seeds 1"));
}

/// One line for a story that is to fail; nothing of it is kept.
fn tell_proof(played: &Played) {
    let found = if played.verdict.is_clean() { "nothing".to_owned() } else { played.verdict.sentences.join("; ") };
    say!("the judge reports: {found}");
    if let Some(folder) = &played.folder {
        // It is in the folder for temporary files in any case.
        let _ = std::fs::remove_dir_all(folder);
    }
}

fn print(totals: &Totals, json: bool) -> Result<(), Failure> {
    if json {
        return write_json_line(totals);
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    let columns = [
        ("seeds", totals.seeds),
        ("runs", totals.runs),
        ("kills", totals.kills),
        ("faults", totals.faults),
        ("rows", totals.rows),
        ("cancels", totals.cancels),
        ("recalled", totals.recalled),
        ("retries", totals.retries),
        ("doubled", totals.doubled),
        ("lost", totals.lost),
        ("unknown", totals.unknown),
        ("receipts lost", totals.receipts_lost),
        ("wrong", totals.contradictions),
    ];
    table.set_header(columns.iter().map(|(name, _)| *name).chain(["bound"]));
    table.add_row(columns.iter().map(|(_, number)| number.to_string()).chain([totals.bound.clone()]));
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 0));
    });
    out(format!("{table}\n").as_bytes()).map_err(output)
}

fn conclude(totals: &Totals) -> Result<u8, Failure> {
    if totals.is_clean() {
        return Ok(exit::OK);
    }
    let parts = [
        (totals.doubled, "doubled"),
        (totals.lost, "lost"),
        (totals.unknown, "unknown"),
        (totals.receipts_lost, "with a lost receipt"),
        (totals.contradictions, "told in two ways"),
    ];
    let parts: Vec<String> =
        parts.iter().filter(|(rows, _)| *rows > 0).map(|(rows, what)| format!("{rows} {what}")).collect();
    Err(Failure::new(exit::LOOK, format!("of {}: {}", count(totals.rows, "row", "rows"), parts.join(", ")))
        .hint("the folder of each failed seed has the ledger, what each process said and what the service has seen"))
}

/// Whether the judge has seen both harms that were done on purpose.
fn prove(totals: &Totals) -> Result<u8, Failure> {
    match (totals.doubled > 0, totals.receipts_lost > 0) {
        (true, true) => {
            say!("the judge saw both: a service that broke its bound, and a receipt that was removed");
            Ok(exit::OK)
        }
        (doubled, _) => {
            let missed = if doubled { "a removed receipt" } else { "a recipient who was accepted twice" };
            Err(Failure::new(exit::UNEXPECTED, format!("the judge is blind: it did not report {missed}"))
                .hint("what torture says proves nothing until this is fixed"))
        }
    }
}
