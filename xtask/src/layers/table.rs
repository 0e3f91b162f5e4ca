//! Reads the table of arrows from the architecture page.
//!
//! A cell is `–` for nothing, `any` for everything, or a list of names in backticks, each with
//! optional notes in brackets: ``feature `csv` `` (optional, behind that feature), `default` (that
//! feature is on by default), `dev` (in tests only). Anything else is an error, so that a note nobody
//! checks cannot pass for a rule.

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};

const BEGIN: &str = "<!-- arrows: begin -->";
const END: &str = "<!-- arrows: end -->";

/// Crate (its folder's name) to what it may depend on.
pub(crate) type Table = BTreeMap<String, Row>;

#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) ours: Cell,
    pub(crate) outside: Cell,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    Any,
    Only(Vec<Allowed>),
}

/// One name of a cell, with its notes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Allowed {
    pub(crate) name: String,
    pub(crate) feature: Option<String>,
    pub(crate) default: bool,
    pub(crate) dev: bool,
}

/// The table between the two markers.
pub(crate) fn read(page: &str) -> anyhow::Result<Table> {
    let (_, rest) = page.split_once(BEGIN).with_context(|| format!("no marker {BEGIN}"))?;
    let (body, _) = rest.split_once(END).with_context(|| format!("no marker {END}"))?;
    let mut table = Table::new();
    // The first two lines are the heading and its rule.
    for line in body.lines().map(str::trim).filter(|line| !line.is_empty()).skip(2) {
        let (names, row) = read_row(line).with_context(|| format!("in the row {line}"))?;
        for name in names {
            ensure!(!table.contains_key(&name), "`{name}` has two rows");
            table.insert(name, Row { ours: cell(row[0])?, outside: cell(row[1])? });
        }
    }
    ensure!(!table.is_empty(), "the table names no crate");
    Ok(table)
}

fn read_row(line: &str) -> anyhow::Result<(Vec<String>, [&str; 2])> {
    let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
    let [names, ours, outside, _must_not_know] = cells.as_slice() else {
        bail!("a row has four cells, this one {}", cells.len());
    };
    let Cell::Only(names) = cell(names)? else { bail!("`any` is no crate") };
    ensure!(!names.is_empty(), "the row names no crate");
    Ok((names.into_iter().map(|allowed| allowed.name).collect(), [*ours, *outside]))
}

fn cell(text: &str) -> anyhow::Result<Cell> {
    match text {
        "–" | "-" => Ok(Cell::Only(Vec::new())),
        "any" => Ok(Cell::Any),
        list => split(list).into_iter().map(allowed).collect::<anyhow::Result<_>>().map(Cell::Only),
    }
}

/// Splits at commas that stand outside brackets.
fn split(list: &str) -> Vec<&str> {
    let mut depth = 0;
    list.split(|letter| {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        letter == ',' && depth == 0
    })
    .map(str::trim)
    .collect()
}

fn allowed(item: &str) -> anyhow::Result<Allowed> {
    let (name, notes) = match item.split_once('(') {
        Some((name, notes)) => (name, notes.strip_suffix(')').with_context(|| format!("open bracket in {item}"))?),
        None => (item, ""),
    };
    let mut allowed = Allowed { name: quoted(name.trim())?, ..Allowed::default() };
    for note in notes.split(',').map(str::trim).filter(|note| !note.is_empty()) {
        match note.split_once(' ') {
            Some(("feature", feature)) => allowed.feature = Some(quoted(feature)?),
            None if note == "default" => allowed.default = true,
            None if note == "dev" => allowed.dev = true,
            _ => bail!("no rule is called `{note}` (in {item})"),
        }
    }
    Ok(allowed)
}

fn quoted(text: &str) -> anyhow::Result<String> {
    text.strip_prefix('`')
        .and_then(|text| text.strip_suffix('`'))
        .filter(|name| !name.is_empty() && !name.contains(['`', ' ']))
        .map(str::to_owned)
        .with_context(|| format!("expected a name in backticks, found {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(rows: &str) -> String {
        format!(
            "# Page\n{BEGIN}\n\n| Crate | Ours | Outside | Must not know |\n| --- | --- | --- | --- |\n{rows}\n{END}\n"
        )
    }

    fn fails(rows: &str, because: &str) {
        let error = read(&page(rows)).map(|_| ()).map_err(|error| format!("{error:#}"));
        assert!(error.as_ref().is_err_and(|text| text.contains(because)), "{rows}: {error:?}");
    }

    #[test]
    fn names_and_notes_are_read() -> anyhow::Result<()> {
        let table = read(&page(
            "| `client` | `models`, `simulator` (dev) | `http`, `reqwest` (feature `reqwest`, default) | CSV |\n\
             | `examples`, `tests` | – | any | – |",
        ))?;
        let Cell::Only(ours) = &table["client"].ours else { bail!("a list") };
        assert_eq!(ours[1], Allowed { name: "simulator".to_owned(), dev: true, ..Allowed::default() });
        let Cell::Only(outside) = &table["client"].outside else { bail!("a list") };
        assert_eq!(outside[1].feature.as_deref(), Some("reqwest"));
        assert!(outside[1].default && !outside[0].default);
        assert_eq!(table["tests"].outside, Cell::Any);
        assert_eq!(table["examples"].ours, Cell::Only(Vec::new()));
        Ok(())
    }

    #[test]
    fn invalid_rules_are_refused() {
        fails("| `a` | models | – | – |", "backticks");
        fails("| `a` | `models` (sometimes) | – | – |", "no rule");
        fails("| `a` | – | – |", "four cells");
        fails("| `a` | – | – | – |\n| `a` | – | – | – |", "two rows");
        fails("", "names no crate");
        assert!(read("no table here").is_err());
    }
}
