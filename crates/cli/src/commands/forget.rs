//! `forget`: where one person occurs, and what of it is removed. Nothing of the identity is written anywhere.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sinch_batch::journal::{Bounds, Journal, JournalError, Line, Record, Removed};
use sinch_batch::ledger::{CampaignRecord, Ledger};
use sinch_batch::models::Fingerprint;
use sinch_batch::recipients::IdentityMatcher;

use crate::args::ForgetArgs;
use crate::fail::{Failure, output};
use crate::ledgers::{self, AnyLedger, Place};
use crate::output::{count, grouped, out, write_json_line};
use crate::{exit, input};

/// What was found and done.
#[derive(Serialize)]
struct Found {
    files: Vec<InFile>,
    campaigns: Vec<InCampaign>,
    #[serde(skip_serializing_if = "Option::is_none")]
    journal: Option<InJournal>,
    /// `stays`, if a list is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    opt_outs: Option<&'static str>,
    /// What the service calls the person, as far as the journal knows.
    contact_ids: BTreeSet<String>,
}

#[derive(Serialize)]
struct InFile {
    file: PathBuf,
    rows: Vec<Row>,
    #[serde(skip)]
    fingerprint: Fingerprint,
}

#[derive(Serialize)]
struct Row {
    row: u64,
    line: u64,
}

#[derive(Serialize)]
struct InCampaign {
    campaign: String,
    /// Rows whose results keep no descriptions from now on.
    rows: u64,
}

#[derive(Serialize)]
struct InJournal {
    folder: PathBuf,
    removed: u64,
    kept: u64,
}

pub(crate) async fn run(args: ForgetArgs) -> Result<u8, Failure> {
    let who = who(&args.identity).await?;
    // What may be refused comes first: then nothing was changed.
    let mut files = Vec::with_capacity(args.input.len());
    for path in &args.input {
        files.push(rows_of(path, who.clone()).await?);
    }
    if let Some(list) = args.opt_outs.as_ref().filter(|list| !list.exists()) {
        return Err(Failure::new(exit::BAD_INPUT, format!("there is no list {}; nothing was changed", list.display()))
            .hint("name the list of `listen --opt-outs`, or leave --opt-outs out"));
    }
    let ledger = ledger(&args).await?;
    let (journal, contact_ids) = match &args.journal {
        Some(folder) => {
            let (journal, contact_ids) = in_journal(folder, who).await?;
            (Some(journal), contact_ids)
        }
        None => (None, BTreeSet::new()),
    };
    let campaigns = match ledger {
        Some((place, ledger)) => in_ledger(&place, &*ledger, &files).await?,
        None => Vec::new(),
    };
    let opt_outs = args.opt_outs.is_some().then_some("stays");
    let found = Found { files, campaigns, journal, opt_outs, contact_ids };
    if args.json.json {
        write_json_line(&found)?;
    } else {
        out(text(&args, &found).as_bytes()).map_err(output)?;
    }
    Ok(exit::OK)
}

async fn who(typed: &str) -> Result<IdentityMatcher, Failure> {
    let identity = match typed {
        "-" => {
            input::blocking(|| {
                let mut text = String::new();
                // What follows is not part of it.
                std::io::stdin().lock().take(4096).read_to_string(&mut text).map_err(|error| {
                    Failure::because(exit::BAD_INPUT, "standard input cannot be read", &error).hint("give one identity")
                })?;
                Ok(text)
            })
            .await?
        }
        typed => typed.to_owned(),
    };
    let mut lines = identity.lines().map(str::trim).filter(|line| !line.is_empty());
    let (Some(identity), None) = (lines.next(), lines.next()) else {
        return Err(Failure::new(exit::USAGE, "one identity is forgotten at a time; nothing was changed")
            .hint("give one identity"));
    };
    IdentityMatcher::new(identity).map_err(|fault| {
        Failure::new(exit::USAGE, format!("{fault}; nothing was changed"))
            .hint("give a number with its country, such as +15550100001, or another identity as it is sent to")
    })
}

async fn rows_of(path: &Path, who: IdentityMatcher) -> Result<InFile, Failure> {
    let source = input::open(path)?;
    let path = path.to_owned();
    input::blocking(move || {
        let failed = |error| input::unreadable(&path, &error);
        let rows = source.rows_with(&who).map_err(failed)?;
        let fingerprint = source.fingerprint().map_err(failed)?;
        let rows = rows.into_iter().map(|(row, line)| Row { row, line }).collect();
        Ok(InFile { rows, fingerprint, file: path })
    })
    .await
}

/// The ledger, if there is one: somebody may keep none.
async fn ledger(args: &ForgetArgs) -> Result<Option<(Place, AnyLedger)>, Failure> {
    let place = ledgers::place(&args.ledger)?;
    if args.ledger.ledger.is_none() && matches!(&place, Place::File(path) if !path.exists()) {
        return Ok(None);
    }
    let ledger = ledgers::open_existing(&place).await?;
    Ok(Some((place, ledger)))
}

/// The results of these rows, in every campaign over these files.
async fn in_ledger(place: &Place, ledger: &dyn Ledger, files: &[InFile]) -> Result<Vec<InCampaign>, Failure> {
    let failed = |error| ledgers::failed(place, &error);
    let mut forgotten = Vec::new();
    for campaign in ledger.campaigns().await.map_err(failed)? {
        let rows: Vec<u64> = rows_in(&campaign, files).collect();
        if rows.is_empty() {
            continue;
        }
        let n_rows = rows.len() as u64;
        ledger.forget(campaign.id, rows).await.map_err(failed)?;
        forgotten.push(InCampaign { campaign: campaign.name, rows: n_rows });
    }
    Ok(forgotten)
}

fn rows_in<'a>(campaign: &'a CampaignRecord, files: &'a [InFile]) -> impl Iterator<Item = u64> + use<'a> {
    let its = files.iter().filter(|file| campaign.input_fingerprint == Some(file.fingerprint));
    its.flat_map(|file| file.rows.iter().map(|row| row.row))
}

/// Callbacks that name the identity, or a contact that has it, are removed; with the ids of these contacts.
async fn in_journal(folder: &Path, who: IdentityMatcher) -> Result<(InJournal, BTreeSet<String>), Failure> {
    let folder = folder.to_owned();
    input::blocking(move || {
        let failed = |error| journal_failed(&folder, &error);
        if !folder.is_dir() {
            return Err(Failure::new(exit::BAD_INPUT, format!("there is no journal {}", folder.display()))
                .hint("name the folder of `listen --journal`"));
        }
        // However many files there are, all of them stay.
        let mut journal = Journal::open(&folder, Bounds::default().with_files(usize::MAX)).map_err(failed)?;
        let mut contact_ids = BTreeSet::new();
        for record in sinch_batch::journal::read(&folder).map_err(failed)? {
            // What cannot be read is looked at below, as bytes.
            let Ok(record) = record else { continue };
            contacts_of(&record, &who, &mut contact_ids);
        }
        let contacts: Vec<IdentityMatcher> =
            contact_ids.iter().filter_map(|id| IdentityMatcher::new(id).ok()).collect();
        let names = |bytes: &[u8]| who.is_in_bytes(bytes) || contacts.iter().any(|contact| contact.is_in_bytes(bytes));
        let removed = journal.remove(|line| match line {
            Line::Record(record) => names(&record.body) || record.headers.values().any(|value| names(value.as_bytes())),
            Line::Other(bytes) => names(bytes),
            // A kind of line newer than this program.
            _ => false,
        });
        let Removed { records, kept, .. } = removed.map_err(failed)?;
        Ok((InJournal { folder, removed: records, kept }, contact_ids))
    })
    .await
}

fn journal_failed(folder: &Path, error: &JournalError) -> Failure {
    let hint = match error {
        JournalError::InUse { .. } => "stop `listen` for a moment, run this again, and start it again",
        _ => "check the folder and the room on its disk, and run this again",
    };
    Failure::because(exit::BAD_INPUT, format!("the journal {}", folder.display()), error).hint(hint)
}

/// The ids of contacts that have the identity, by a callback: next to an object that says so.
fn contacts_of(record: &Record, who: &IdentityMatcher, contact_ids: &mut BTreeSet<String>) {
    if let Ok(body) = serde_json::from_slice(&record.body) {
        contacts_in(&body, who, contact_ids);
    }
}

fn contacts_in(value: &serde_json::Value, who: &IdentityMatcher, contact_ids: &mut BTreeSet<String>) {
    use serde_json::Value;
    match value {
        Value::Array(values) => values.iter().for_each(|value| contacts_in(value, who, contact_ids)),
        Value::Object(fields) => {
            let has_identity = ["channel_identity", "channel_identities", "identity", "identification"]
                .iter()
                .filter_map(|name| fields.get(*name))
                .any(|value| who.is_in_json(value));
            if has_identity {
                let ids = ["contact_id", "id"].iter().filter_map(|name| fields.get(*name)?.as_str());
                contact_ids.extend(ids.filter(|id| !id.is_empty()).take(1).map(str::to_owned));
            }
            fields.values().for_each(|value| contacts_in(value, who, contact_ids));
        }
        _ => {}
    }
}

fn text(args: &ForgetArgs, found: &Found) -> String {
    let mut text = String::new();
    for file in &found.files {
        let shown = file.file.display();
        if file.rows.is_empty() {
            text.push_str(&format!("{shown}: no row\n"));
        }
        for Row { row, line } in &file.rows {
            text.push_str(&format!("{shown}: row {}, line {}\n", grouped(*row), grouped(*line)));
        }
    }
    if found.files.iter().any(|file| !file.rows.is_empty()) {
        text.push_str("these files are yours: remove the rows, once no campaign over them is unfinished\n");
    }
    for InCampaign { campaign, rows } in &found.campaigns {
        text.push_str(&format!(
            "ledger, campaign {campaign}: no descriptions of {} any more; states and sums stay\n",
            count(*rows, "row", "rows")
        ));
    }
    if found.campaigns.is_empty() && !found.files.is_empty() {
        text.push_str("ledger: no campaign over these files has such rows\n");
    }
    if let Some(InJournal { removed, kept, .. }) = &found.journal {
        text.push_str(&format!(
            "journal: {} removed, {} kept; what was forwarded is where it was forwarded to\n",
            count(*removed, "callback", "callbacks"),
            grouped(*kept)
        ));
    }
    if let Some(list) = &args.opt_outs {
        text.push_str(&format!("{}: stays as it is; its digests keep the promise, and name nobody\n", list.display()));
    }
    if !found.contact_ids.is_empty() {
        text.push_str("at Sinch: sinch-batch contacts delete - <<'END'\ncontact_id\n");
        for id in &found.contact_ids {
            text.push_str(&format!("{id}\n"));
        }
        text.push_str("END\n");
    }
    text
}
