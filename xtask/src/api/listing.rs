//! The public items of one crate, one a line, sorted.
//!
//! What is derived for every type by the compiler (auto traits) and for all types at once (blanket
//! implementations) is left out, but a type that is not `Send` says so.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use anyhow::{Context, bail};
use serde_json::Value;

use super::json::{Crate, Item, flag, ids, list, only, some, text};
use super::print::Printer;

/// The listing, and the types of others in it.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) text: String,
    pub(super) foreign: BTreeSet<String>,
}

/// Lists a crate.
///
/// # Errors
/// When rustdoc says something this reader does not know.
pub(super) fn of(document: &Crate) -> anyhow::Result<Listing> {
    let surface = Surface::of(document)?;
    let mut lines = Lines { document, printer: Printer::new(document, &surface.paths), lines: BTreeSet::new() };
    for (path, source) in &surface.re_exports {
        lines.push(format!("pub use {source} as {path}"));
    }
    for (id, path) in &surface.re_exported_others {
        let name = lines.printer.name(*id, path);
        lines.push(format!("pub use {name} as {path}"));
    }
    for (id, path) in &surface.paths {
        lines.item(path, document.item(*id)?)?;
    }
    let mut text = String::new();
    for line in &lines.lines {
        text.push_str(line);
        text.push('\n');
    }
    Ok(Listing { text, foreign: lines.printer.foreign })
}

/// Which items a user can reach, and by which path.
#[derive(Debug, Default)]
struct Surface {
    /// Our items by their first path: where they are defined if that is public.
    paths: BTreeMap<u64, String>,
    /// Other names of them.
    re_exports: BTreeSet<(String, String)>,
    /// Items of other crates.
    re_exported_others: BTreeSet<(u64, String)>,
}

impl Surface {
    fn of(document: &Crate) -> anyhow::Result<Self> {
        let mut surface = Self::default();
        let root = document.root()?;
        let name = document.item(root)?.name().context("a crate without a name")?.to_owned();
        surface.paths.insert(root, name.clone());
        let mut modules = VecDeque::from([(root, name)]);
        let mut uses: Vec<(String, Item<'_>)> = Vec::new();
        // Definitions first, so that they give the path; names given to them elsewhere after.
        while let Some((id, path)) = modules.pop_front() {
            for child in children(document.item(id)?)? {
                let Some(item) = document.own(child) else { continue };
                if !item.is_public() && item.inner()?.0 != "macro" {
                    continue;
                }
                let Some(name) = item.name() else {
                    uses.push((path.clone(), item));
                    continue;
                };
                let here = format!("{path}::{name}");
                if item.inner()?.0 == "module" {
                    modules.push_back((child, here.clone()));
                }
                surface.paths.insert(child, here);
            }
        }
        let mut uses = VecDeque::from(uses);
        while let Some((path, item)) = uses.pop_front() {
            let (kind, inner) = item.inner()?;
            if kind != "use" {
                bail!("an item of the kind {kind} has no name");
            }
            let Some(target) = some(inner, "id").and_then(Value::as_u64) else {
                surface
                    .re_exports
                    .insert((format!("{path}::{}", text(inner, "name")?), text(inner, "source")?.to_owned()));
                continue;
            };
            let own = document.own(target);
            if flag(inner, "is_glob") {
                let Some(module) = own else {
                    surface.re_exported_others.insert((target, format!("{path}::*")));
                    continue;
                };
                if surface.paths.contains_key(&target) {
                    continue; // all of it is listed where it is
                }
                for child in children(module)? {
                    let Some(item) = document.own(child).filter(|item| item.is_public()) else { continue };
                    match item.name() {
                        None => uses.push_back((path.clone(), item)),
                        Some(name) => surface.name(child, format!("{path}::{name}"), item, document, &mut uses)?,
                    }
                }
                continue;
            }
            let here = format!("{path}::{}", text(inner, "name")?);
            match own {
                Some(item) => surface.name(target, here, item, document, &mut uses)?,
                None => {
                    surface.re_exported_others.insert((target, here));
                }
            }
        }
        Ok(surface)
    }

    /// A name for an item: the first, or one more.
    fn name<'a>(
        &mut self,
        id: u64,
        path: String,
        item: Item<'a>,
        document: &'a Crate,
        uses: &mut VecDeque<(String, Item<'a>)>,
    ) -> anyhow::Result<()> {
        if let Some(first) = self.paths.get(&id) {
            if *first != path {
                self.re_exports.insert((path, first.clone()));
            }
            return Ok(());
        }
        self.paths.insert(id, path.clone());
        if item.inner()?.0 == "module" {
            for child in children(item)? {
                let Some(item) = document.own(child).filter(|item| item.is_public()) else { continue };
                match item.name() {
                    None => uses.push_back((path.clone(), item)),
                    Some(name) => self.name(child, format!("{path}::{name}"), item, document, uses)?,
                }
            }
        }
        Ok(())
    }
}

fn children(module: Item<'_>) -> anyhow::Result<Vec<u64>> {
    match module.inner()? {
        ("module", inner) => ids(inner, "items"),
        (other, _) => bail!("expected a module, not {other}"),
    }
}

struct Lines<'a> {
    document: &'a Crate,
    printer: Printer<'a>,
    lines: BTreeSet<String>,
}

impl Lines<'_> {
    fn push(&mut self, line: String) {
        self.lines.insert(line);
    }

    fn item(&mut self, path: &str, item: Item<'_>) -> anyhow::Result<()> {
        let (kind, inner) = item.inner()?;
        let open = if item.has_attribute("non_exhaustive") { " #[non_exhaustive]" } else { "" };
        match kind {
            "module" => self.push(format!("mod {path}")),
            "function" => self.function("fn", path, inner)?,
            "struct" | "union" => {
                let (parameters, clauses) = self.printer.generics(inner.get("generics").context("no generics")?)?;
                let fields = self.fields(path, inner.get("kind").unwrap_or(inner))?;
                self.push(format!("{kind} {path}{parameters}{fields}{clauses}{open}"));
                self.implementations(path, inner)?;
            }
            "enum" => {
                let (parameters, clauses) = self.printer.generics(inner.get("generics").context("no generics")?)?;
                self.push(format!("enum {path}{parameters}{clauses}{open}"));
                for id in ids(inner, "variants")? {
                    self.variant(path, self.document.item(id)?)?;
                }
                self.implementations(path, inner)?;
            }
            "trait" => self.trait_(path, inner)?,
            "type_alias" => {
                let (parameters, clauses) = self.printer.generics(inner.get("generics").context("no generics")?)?;
                let type_ = self.printer.type_(inner.get("type").context("no type")?)?;
                self.push(format!("type {path}{parameters} = {type_}{clauses}"));
            }
            "constant" | "static" => {
                let word = if kind == "constant" { "const" } else { kind };
                let type_ = self.printer.type_(inner.get("type").context("no type")?)?;
                self.push(format!("{word} {path}: {type_}"));
            }
            "macro" | "proc_macro" => self.push(format!("macro {path}!")),
            other => bail!("{path} is of an unknown kind: {other}"),
        }
        Ok(())
    }

    fn function(&mut self, word: &str, path: &str, value: &Value) -> anyhow::Result<()> {
        let header = value.get("header").context("no header")?;
        let mut words = String::new();
        for (key, name) in [("is_const", "const "), ("is_async", "async "), ("is_unsafe", "unsafe ")] {
            if flag(header, key) {
                words.push_str(name);
            }
        }
        let (parameters, clauses) = self.printer.generics(value.get("generics").context("no generics")?)?;
        let signature = self.printer.signature(value.get("sig").context("no signature")?)?;
        self.push(format!("{word} {path}{parameters}{signature}{clauses}{}", modifiers(&words)));
        Ok(())
    }

    /// Fields of a tuple go into the line of their owner, named ones get lines of their own.
    fn fields(&mut self, path: &str, kind: &Value) -> anyhow::Result<String> {
        let (kind, inner) = if kind.get("fields").is_some() { ("plain", kind) } else { only(kind)? };
        match kind {
            "unit" => Ok(String::new()),
            "tuple" => {
                let mut parts = Vec::new();
                for id in inner.as_array().context("a tuple without fields")? {
                    parts.push(match id.as_u64() {
                        None => "_".to_owned(),
                        Some(id) => self.printer.type_(field(self.document.item(id)?)?)?,
                    });
                }
                Ok(format!("({})", parts.join(", ")))
            }
            "plain" | "struct" => {
                for id in ids(inner, "fields")? {
                    let item = self.document.item(id)?;
                    let type_ = self.printer.type_(field(item)?)?;
                    self.push(format!("field {path}::{}: {type_}", item.name().context("a field without a name")?));
                }
                let hidden = flag(inner, "has_stripped_fields");
                Ok(if hidden { " { .. }".to_owned() } else { " {}".to_owned() })
            }
            other => bail!("{path} has fields of an unknown kind: {other}"),
        }
    }

    fn variant(&mut self, path: &str, item: Item<'_>) -> anyhow::Result<()> {
        let (_, inner) = item.inner()?;
        let path = format!("{path}::{}", item.name().context("a variant without a name")?);
        let kind = inner.get("kind").context("no kind")?;
        let fields = if kind.as_str() == Some("plain") { String::new() } else { self.fields(&path, kind)? };
        let open = if item.has_attribute("non_exhaustive") { " #[non_exhaustive]" } else { "" };
        self.push(format!("variant {path}{fields}{open}"));
        Ok(())
    }

    fn trait_(&mut self, path: &str, value: &Value) -> anyhow::Result<()> {
        let (parameters, clauses) = self.printer.generics(value.get("generics").context("no generics")?)?;
        let bounds = self.printer.bounds(list(value, "bounds")?)?;
        let bounds = if bounds.is_empty() { bounds } else { format!(": {bounds}") };
        self.push(format!("trait {path}{parameters}{bounds}{clauses}"));
        for id in ids(value, "items")? {
            let item = self.document.item(id)?;
            let (kind, inner) = item.inner()?;
            let here = format!("{path}::{}", item.name().context("a part of a trait without a name")?);
            match kind {
                "function" if flag(inner, "has_body") => self.function("fn provided", &here, inner)?,
                "function" => self.function("fn required", &here, inner)?,
                "assoc_type" => {
                    let bounds = self.printer.bounds(list(inner, "bounds")?)?;
                    self.push(format!("type {here}: {bounds}"));
                }
                "assoc_const" => self.associated("const", &here, inner)?,
                other => bail!("{here} is of an unknown kind: {other}"),
            }
        }
        // For types of ours they are listed there; what is left is for types of others and for all.
        for id in ids(value, "implementations")? {
            let item = self.document.item(id)?;
            let (_, inner) = item.inner()?;
            let of = inner.get("for").context("no type")?;
            let ours = of.get("resolved_path").and_then(|path| path.get("id")).and_then(Value::as_u64);
            if ours.and_then(|id| self.document.own(id)).is_none() {
                self.implementation(inner)?;
            }
        }
        Ok(())
    }

    fn associated(&mut self, word: &str, path: &str, value: &Value) -> anyhow::Result<()> {
        let type_ = self.printer.type_(value.get("type").context("no type")?)?;
        self.push(format!("{word} {path}: {type_}"));
        Ok(())
    }

    fn implementations(&mut self, path: &str, value: &Value) -> anyhow::Result<()> {
        for id in ids(value, "impls")? {
            let item = self.document.item(id)?;
            let (_, inner) = item.inner()?;
            let negative = flag(inner, "is_negative");
            if some(inner, "blanket_impl").is_some() || (flag(inner, "is_synthetic") && !negative) {
                continue;
            }
            if some(inner, "trait").is_some() {
                self.implementation(inner)?;
                continue;
            }
            for id in ids(inner, "items")? {
                let Some(item) = self.document.own(id).filter(|item| item.is_public()) else { continue };
                let (kind, value) = item.inner()?;
                let here = format!("{path}::{}", item.name().context("a method without a name")?);
                match kind {
                    "function" => self.function("fn", &here, value)?,
                    "assoc_const" => self.associated("const", &here, value)?,
                    other => bail!("{here} is of an unknown kind: {other}"),
                }
            }
        }
        Ok(())
    }

    fn implementation(&mut self, value: &Value) -> anyhow::Result<()> {
        let trait_ = value.get("trait").context("no trait")?;
        if matches!(text(trait_, "path")?, "StructuralPartialEq") {
            return Ok(());
        }
        let (parameters, clauses) = self.printer.generics(value.get("generics").context("no generics")?)?;
        let not = if flag(value, "is_negative") { "!" } else { "" };
        let of = self.printer.type_(value.get("for").context("no type")?)?;
        let trait_ = self.printer.path(trait_)?;
        let mut types = Vec::new();
        for id in ids(value, "items")? {
            let item = self.document.item(id)?;
            if let ("assoc_type", inner) = item.inner()? {
                let type_ = self.printer.type_(some(inner, "type").context("no type")?)?;
                types.push(format!("{} = {type_}", item.name().unwrap_or_default()));
            }
        }
        let types = if types.is_empty() { String::new() } else { format!(" {{ {} }}", types.join(", ")) };
        // First the type, so that all of a type stands together.
        self.push(format!("impl {of}: {not}{trait_}{types}{parameters}{clauses}"));
        Ok(())
    }
}

/// What stands before `fn`, behind the line: the lines stay sorted by name.
fn modifiers(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(" [{}]", words.trim_end()) }
}

fn field(item: Item<'_>) -> anyhow::Result<&Value> {
    match item.inner()? {
        ("struct_field", type_) => Ok(type_),
        (other, _) => bail!("expected a field, not {other}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::json::sample;

    fn listed(output: Value) -> anyhow::Result<Listing> {
        let public = |id: u64, name: &str, inner: Value| json!({"id": id, "crate_id": 0, "name": name, "visibility": "public", "attrs": [], "inner": inner});
        let none = json!({"params": [], "where_predicates": []});
        let function = json!({"function": {
            "sig": {"inputs": [["self", {"borrowed_ref": {"lifetime": null, "is_mutable": false, "type": {"generic": "Self"}}}]], "output": output, "is_c_variadic": false},
            "generics": none, "header": {"is_const": false, "is_async": true, "is_unsafe": false}, "has_body": true}});
        of(&sample(
            json!({
                "0": public(0, "shop", json!({"module": {"items": [1, 2, 9]}})),
                "1": public(1, "till", json!({"module": {"items": [3]}})),
                "2": {"id": 2, "crate_id": 0, "name": null, "visibility": "public", "attrs": [], "inner": {"use": {"source": "till::Till", "name": "Till", "id": 3, "is_glob": false}}},
                "3": public(3, "Till", json!({"struct": {"kind": {"plain": {"fields": [], "has_stripped_fields": true}}, "generics": none, "impls": [4, 6]}})),
                "4": {"id": 4, "crate_id": 0, "name": null, "visibility": "default", "attrs": [], "inner": {"impl": {"generics": none, "trait": null, "for": {"resolved_path": {"path": "Till", "id": 3, "args": null}}, "items": [5], "is_negative": false, "is_synthetic": false, "blanket_impl": null}}},
                "5": public(5, "open", function),
                "6": {"id": 6, "crate_id": 0, "name": null, "visibility": "default", "attrs": [], "inner": {"impl": {"generics": none, "trait": {"path": "Send", "id": 7, "args": null}, "for": {"resolved_path": {"path": "Till", "id": 3, "args": null}}, "items": [], "is_negative": true, "is_synthetic": true, "blanket_impl": null}}},
                "9": {"id": 9, "crate_id": 0, "name": "hidden", "visibility": "crate", "attrs": [], "inner": {"constant": {}}},
            }),
            json!({"7": {"path": ["core", "marker", "Send"]}, "8": {"path": ["http", "response", "Response"]}}),
        ))
    }

    #[test]
    fn item_is_one_line_with_its_foreign_types() -> anyhow::Result<()> {
        let listing = listed(json!({"resolved_path": {"path": "Response", "id": 8, "args": null}}))?;
        assert_eq!(
            listing.text,
            "fn shop::till::Till::open(&self) -> http::response::Response [async]\n\
             impl shop::till::Till: !Send\n\
             mod shop\n\
             mod shop::till\n\
             pub use shop::till::Till as shop::Till\n\
             struct shop::till::Till { .. }\n"
        );
        assert_eq!(listing.foreign.into_iter().collect::<Vec<_>>(), ["http::response::Response"]);
        Ok(())
    }

    #[test]
    fn another_result_is_another_line() -> anyhow::Result<()> {
        let (old, new) = (listed(json!({"primitive": "u8"}))?, listed(json!({"primitive": "u16"}))?);
        let told = crate::api::difference::of(&old.text, &new.text);
        assert_eq!(told.len(), 2, "{told:?}");
        Ok(())
    }

    #[test]
    fn unknown_kind_is_an_error_and_not_a_panic() {
        let told = listed(json!({"telepathy": {}})).map_err(|error| error.to_string());
        assert!(told.is_err_and(|why| why.contains("telepathy")));
    }
}
