//! Types, generics and signatures as text, and which types of others are in them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, bail};
use serde_json::Value;

use super::json::{Crate, flag, list, number, only, some, text};

/// Writes types of one crate.
#[derive(Debug)]
pub(super) struct Printer<'a> {
    document: &'a Crate,
    /// Where a user finds our items.
    public: &'a BTreeMap<u64, String>,
    /// Definition paths of what belongs to others, save the standard library.
    pub(super) foreign: BTreeSet<String>,
}

impl<'a> Printer<'a> {
    pub(super) fn new(document: &'a Crate, public: &'a BTreeMap<u64, String>) -> Self {
        Self { document, public, foreign: BTreeSet::new() }
    }

    /// The name of an item: whole for ours and others', the last part for the standard library's.
    pub(super) fn name(&mut self, id: u64, written: &str) -> String {
        if let Some(path) = self.public.get(&id) {
            return path.clone();
        }
        let Some(path) = self.document.path(id) else { return written.to_owned() };
        match path.as_slice() {
            ["std" | "core" | "alloc", .., last] => (*last).to_owned(),
            path => {
                let whole = path.join("::");
                if self.document.own(id).is_none() {
                    self.foreign.insert(whole.clone());
                }
                whole
            }
        }
    }

    pub(super) fn type_(&mut self, value: &Value) -> anyhow::Result<String> {
        let (kind, inner) = only(value)?;
        Ok(match kind {
            "resolved_path" => self.path(inner)?,
            "generic" | "primitive" => inner.as_str().context("a type without a name")?.to_owned(),
            "tuple" => {
                let parts = self.types(inner.as_array().context("a tuple without parts")?)?;
                if parts.len() == 1 { format!("({},)", parts[0]) } else { format!("({})", parts.join(", ")) }
            }
            "slice" => format!("[{}]", self.type_(inner)?),
            "array" => format!("[{}; {}]", self.part(inner)?, text(inner, "len")?),
            "infer" => "_".to_owned(),
            "impl_trait" => format!("impl {}", self.bounds(inner.as_array().context("no bounds")?)?),
            "dyn_trait" => self.dyn_trait(inner)?,
            "raw_pointer" => {
                format!("*{} {}", if flag(inner, "is_mutable") { "mut" } else { "const" }, self.part(inner)?)
            }
            "borrowed_ref" => {
                let lifetime = some(inner, "lifetime").and_then(Value::as_str).map(|name| format!("{name} "));
                let mutable = if flag(inner, "is_mutable") { "mut " } else { "" };
                let to = self.part(inner)?;
                let to = if to.contains(" + ") { format!("({to})") } else { to };
                format!("&{}{mutable}{to}", lifetime.unwrap_or_default())
            }
            "qualified_path" => {
                let of = self.type_(inner.get("self_type").context("no self_type")?)?;
                let args = self.args(inner.get("args"))?;
                match some(inner, "trait") {
                    Some(trait_) if !text(trait_, "path").unwrap_or_default().is_empty() => {
                        format!("<{of} as {}>::{}{args}", self.path(trait_)?, text(inner, "name")?)
                    }
                    _ => format!("{of}::{}{args}", text(inner, "name")?),
                }
            }
            "function_pointer" => {
                let signature = inner.get("sig").context("no signature")?;
                format!("{}fn{}", self.higher(inner)?, self.signature(signature)?)
            }
            other => bail!("unknown kind of type: {other}"),
        })
    }

    fn part(&mut self, value: &Value) -> anyhow::Result<String> {
        self.type_(value.get("type").context("no type")?)
    }

    fn types(&mut self, values: &[Value]) -> anyhow::Result<Vec<String>> {
        values.iter().map(|value| self.type_(value)).collect()
    }

    fn dyn_trait(&mut self, value: &Value) -> anyhow::Result<String> {
        let mut parts = Vec::new();
        for poly in list(value, "traits")? {
            parts.push(format!("{}{}", self.higher(poly)?, self.path(poly.get("trait").context("no trait")?)?));
        }
        parts.extend(some(value, "lifetime").and_then(Value::as_str).map(str::to_owned));
        Ok(format!("dyn {}", parts.join(" + ")))
    }

    /// A path with its arguments.
    pub(super) fn path(&mut self, value: &Value) -> anyhow::Result<String> {
        let name = self.name(number(value, "id")?, text(value, "path")?);
        Ok(format!("{name}{}", self.args(value.get("args"))?))
    }

    fn args(&mut self, value: Option<&Value>) -> anyhow::Result<String> {
        let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(String::new()) };
        let (kind, inner) = only(value)?;
        match kind {
            "angle_bracketed" => {
                let mut parts = Vec::new();
                for argument in list(inner, "args")? {
                    parts.push(self.argument(argument)?);
                }
                for constraint in list(inner, "constraints")? {
                    let name = format!("{}{}", text(constraint, "name")?, self.args(constraint.get("args"))?);
                    let (kind, bound) = only(constraint.get("binding").context("no binding")?)?;
                    parts.push(match kind {
                        "equality" => format!("{name} = {}", self.term(bound)?),
                        "constraint" => format!("{name}: {}", self.bounds(bound.as_array().context("no bounds")?)?),
                        other => bail!("unknown kind of binding: {other}"),
                    });
                }
                Ok(if parts.is_empty() { String::new() } else { format!("<{}>", parts.join(", ")) })
            }
            "parenthesized" => {
                let inputs = self.types(list(inner, "inputs")?)?.join(", ");
                Ok(match some(inner, "output") {
                    Some(output) => format!("({inputs}) -> {}", self.type_(output)?),
                    None => format!("({inputs})"),
                })
            }
            "return_type_notation" => Ok("(..)".to_owned()),
            other => bail!("unknown kind of arguments: {other}"),
        }
    }

    fn argument(&mut self, value: &Value) -> anyhow::Result<String> {
        let (kind, inner) = only(value)?;
        Ok(match kind {
            "lifetime" => inner.as_str().context("a lifetime without a name")?.to_owned(),
            "type" => self.type_(inner)?,
            "const" => text(inner, "expr")?.to_owned(),
            "infer" => "_".to_owned(),
            other => bail!("unknown kind of argument: {other}"),
        })
    }

    fn term(&mut self, value: &Value) -> anyhow::Result<String> {
        match only(value)? {
            ("type", inner) => self.type_(inner),
            ("constant", inner) => Ok(text(inner, "expr")?.to_owned()),
            (other, _) => bail!("unknown kind of term: {other}"),
        }
    }

    pub(super) fn bounds(&mut self, values: &[Value]) -> anyhow::Result<String> {
        let mut parts = Vec::new();
        for value in values {
            let (kind, inner) = only(value)?;
            parts.push(match kind {
                "trait_bound" => {
                    let modifier = match text(inner, "modifier")? {
                        "none" => "",
                        "maybe" => "?",
                        "maybe_const" => "[const] ",
                        other => bail!("unknown modifier of a bound: {other}"),
                    };
                    let trait_ = self.path(inner.get("trait").context("no trait")?)?;
                    format!("{modifier}{}{trait_}", self.higher(inner)?)
                }
                "outlives" => inner.as_str().context("a lifetime without a name")?.to_owned(),
                "use" => continue, // what an `impl Trait` captures
                other => bail!("unknown kind of bound: {other}"),
            });
        }
        Ok(parts.join(" + "))
    }

    /// `for<'a> `, where there is one.
    fn higher(&mut self, value: &Value) -> anyhow::Result<String> {
        let names: Vec<&str> = list(value, "generic_params")?
            .iter()
            .map(|parameter| text(parameter, "name"))
            .collect::<anyhow::Result<_>>()?;
        Ok(if names.is_empty() { String::new() } else { format!("for<{}> ", names.join(", ")) })
    }

    /// The parameters, `<'a, T: Clone>`, and the `where` clause.
    pub(super) fn generics(&mut self, value: &Value) -> anyhow::Result<(String, String)> {
        let mut parameters = Vec::new();
        for parameter in list(value, "params")? {
            let name = text(parameter, "name")?;
            let (kind, inner) = only(parameter.get("kind").context("no kind")?)?;
            parameters.push(match kind {
                "lifetime" => {
                    let outlives: Vec<&str> = list(inner, "outlives")?.iter().filter_map(Value::as_str).collect();
                    if outlives.is_empty() { name.to_owned() } else { format!("{name}: {}", outlives.join(" + ")) }
                }
                "type" if flag(inner, "is_synthetic") => continue, // an `impl Trait` among the arguments
                "type" => {
                    let bounds = self.bounds(list(inner, "bounds")?)?;
                    let bounds = if bounds.is_empty() { String::new() } else { format!(": {bounds}") };
                    match some(inner, "default") {
                        Some(default) => format!("{name}{bounds} = {}", self.type_(default)?),
                        None => format!("{name}{bounds}"),
                    }
                }
                "const" => format!("const {name}: {}", self.part(inner)?),
                other => bail!("unknown kind of parameter: {other}"),
            });
        }
        let mut clauses = Vec::new();
        for predicate in list(value, "where_predicates")? {
            let (kind, inner) = only(predicate)?;
            clauses.push(match kind {
                "bound_predicate" => {
                    let bounds = self.bounds(list(inner, "bounds")?)?;
                    format!("{}{}: {bounds}", self.higher(inner)?, self.part(inner)?)
                }
                "lifetime_predicate" => {
                    let outlives: Vec<&str> = list(inner, "outlives")?.iter().filter_map(Value::as_str).collect();
                    format!("{}: {}", text(inner, "lifetime")?, outlives.join(" + "))
                }
                "eq_predicate" => {
                    let left = self.type_(inner.get("lhs").context("no lhs")?)?;
                    format!("{left} = {}", self.term(inner.get("rhs").context("no rhs")?)?)
                }
                other => bail!("unknown kind of predicate: {other}"),
            });
        }
        let parameters = if parameters.is_empty() { String::new() } else { format!("<{}>", parameters.join(", ")) };
        let clauses = if clauses.is_empty() { String::new() } else { format!(" where {}", clauses.join(", ")) };
        Ok((parameters, clauses))
    }

    /// `(&self, name: Type) -> Type`.
    pub(super) fn signature(&mut self, value: &Value) -> anyhow::Result<String> {
        let mut inputs = Vec::new();
        for input in list(value, "inputs")? {
            let (name, type_) = (input.get(0).and_then(Value::as_str), input.get(1).context("no type of an argument")?);
            let type_ = self.type_(type_)?;
            inputs.push(match (name, type_.as_str()) {
                (Some("self"), "Self") => "self".to_owned(),
                (Some("self"), "&Self") => "&self".to_owned(),
                (Some("self"), "&mut Self") => "&mut self".to_owned(),
                (Some("_" | "") | None, _) => type_,
                (Some(name), _) => format!("{name}: {type_}"),
            });
        }
        let output = match some(value, "output") {
            Some(output) => format!(" -> {}", self.type_(output)?),
            None => String::new(),
        };
        Ok(format!("({}){output}", inputs.join(", ")))
    }
}
