//! As much of JSON Schema as the description of the wire uses.

use std::sync::LazyLock;

use serde_json::Value;

static SCHEMAS: LazyLock<Value> = LazyLock::new(|| crate::json("openapi.json"));

/// Violations of a schema of `openapi.json`, such as `#/components/schemas/Reason`, each with its path.
///
/// # Panics
/// If there is no such schema, or it uses a keyword that is not known here.
pub fn check(reference: &str, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    walk(&serde_json::json!({ "$ref": reference }), value, "", &mut faults);
    faults
}

fn obeys(schema: &Value, value: &Value) -> bool {
    let mut faults = Vec::new();
    walk(schema, value, "", &mut faults);
    faults.is_empty()
}

fn walk(schema: &Value, value: &Value, path: &str, faults: &mut Vec<String>) {
    let schema = schema.as_object().unwrap();
    for (keyword, rule) in schema {
        let mut fault = |what: String| faults.push(format!("{path}: {what}"));
        let list = || rule.as_array().unwrap().iter();
        match keyword.as_str() {
            "$ref" => {
                let schema = SCHEMAS.pointer(&rule.as_str().unwrap()[1..]).unwrap();
                walk(schema, value, path, faults);
            }
            "type" => {
                let right = match rule.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
                    "number" => value.is_number(),
                    "boolean" => value.is_boolean(),
                    other => panic!("type {other}"),
                };
                if !right {
                    fault(format!("not of type {rule}"));
                }
            }
            "required" => {
                for name in list().filter(|name| value.is_object() && value.get(name.as_str().unwrap()).is_none()) {
                    fault(format!("lacks {name}"));
                }
            }
            "properties" => {
                for (name, schema) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        walk(schema, value, &format!("{path}/{name}"), faults);
                    }
                }
            }
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                for (name, value) in value.as_object().into_iter().flatten() {
                    if rule.is_object() && known.is_none_or(|known| !known.contains_key(name)) {
                        walk(rule, value, &format!("{path}/{name}"), faults);
                    }
                }
            }
            "items" => {
                for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                    walk(rule, value, &format!("{path}/{index}"), faults);
                }
            }
            "enum" if !list().any(|one| one == value) => fault("not one of the names".to_owned()),
            "const" if rule != value => fault("is another constant".to_owned()),
            "minItems" if value.as_array().is_some_and(|items| (items.len() as u64) < rule.as_u64().unwrap()) => {
                fault("has too few items".to_owned());
            }
            "maxItems" if value.as_array().is_some_and(|items| (items.len() as u64) > rule.as_u64().unwrap()) => {
                fault("has too many items".to_owned());
            }
            "maxLength"
                if value.as_str().is_some_and(|text| (text.chars().count() as u64) > rule.as_u64().unwrap()) =>
            {
                fault("is too long".to_owned());
            }
            "pattern" => {
                assert_eq!(rule, "^[0-9]+s$", "the one pattern known here");
                let right = |text: &str| {
                    text.strip_suffix('s')
                        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
                };
                if value.as_str().is_some_and(|text| !right(text)) {
                    fault("does not have the pattern".to_owned());
                }
            }
            "allOf" => list().for_each(|schema| walk(schema, value, path, faults)),
            "anyOf" if !list().any(|schema| obeys(schema, value)) => fault("obeys no alternative".to_owned()),
            "oneOf" => {
                let count = list().filter(|schema| obeys(schema, value)).count();
                if count != 1 {
                    fault(format!("obeys {count} alternatives, not one"));
                }
            }
            "not" if obeys(rule, value) => fault("obeys what it must not".to_owned()),
            "enum" | "const" | "minItems" | "maxItems" | "maxLength" | "anyOf" | "not" => {}
            "description" | "default" | "examples" | "format" | "x-confidence" | "x-known-values" | "x-note" => {}
            other => panic!("keyword {other}"),
        }
    }
}
