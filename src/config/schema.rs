//! The JSON schema of the configuration file, for editors and for programs that write such files.
//!
//! Owns the conversion of declarations to the schema. It must declare no setting itself, except for
//! `menu.expected`, whose entries belong to targets.

use serde_json::{Map, Value, json};

use super::{
    BaselineConfig, JourneyConfig, MenuConfig, PollConfig, StateConfig, WebConfig,
    metrics::texts,
    setting::{Arity, FlagGroup, Key},
    targets::keys::{NameFlags, TargetFlags},
};

/// Returns the declaration of every setting, in the order of `--help`.
pub fn keys() -> Vec<Key> {
    let groups = [
        TargetFlags::keys(),
        PollConfig::keys(),
        StateConfig::keys(),
        MenuConfig::keys(),
        JourneyConfig::keys(),
        BaselineConfig::keys(),
        NameFlags::keys(),
        WebConfig::keys(),
    ];
    groups.into_iter().flatten().collect()
}

/// Returns the JSON schema (draft 2020-12) of the configuration file.
pub fn schema() -> Value {
    let mut root = object();
    for key in keys() {
        let Some(path) = &key.path else { continue };
        let mut described = key.schema.clone();
        describe(&mut described, &key);
        insert(&mut root, path, described);
    }
    insert(&mut root, "menu.expected", expected());
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["title"] = json!("Configuration of wolkvox-exporter");
    root["properties"]["targets"]["items"]["required"] = json!(["server"]);
    root
}

fn describe(schema: &mut Value, key: &Key) {
    schema["description"] = json!(key.help);
    let default = match key.arity {
        Arity::One if schema["type"] == "string" => json!(key.default),
        Arity::One if schema["type"] == "integer" => {
            key.default.parse::<i64>().map_or(Value::Null, Value::from)
        }
        _ => Value::Null,
    };
    let is_value = !default.is_null() && !key.default.is_empty() && !key.default.contains(' ');
    if is_value {
        schema["default"] = default;
    }
}

/// Returns the schema of an object, or of nothing, because a section whose keys are all commented
/// out is empty.
fn object() -> Value {
    json!({"type": ["object", "null"], "additionalProperties": false, "properties": {}})
}

/// Puts a schema at a path such as `targets[].tls.ca_file`.
fn insert(root: &mut Value, path: &str, schema: Value) {
    let Some((first, rest)) = path.split_once('.') else {
        properties(root).insert(path.to_owned(), schema);
        return;
    };
    match first.strip_suffix("[]") {
        Some(list) => {
            let list = properties(root)
                .entry(list)
                .or_insert_with(|| json!({"type": ["array", "null"], "items": object()}));
            insert(&mut list["items"], rest, schema);
        }
        None => insert(properties(root).entry(first).or_insert_with(object), rest, schema),
    }
}

fn properties(object: &mut Value) -> &mut Map<String, Value> {
    let properties = &mut object["properties"];
    if !properties.is_object() {
        *properties = json!({});
    }
    properties.as_object_mut().expect("it was made one")
}

fn expected() -> Value {
    let text = json!({"type": ["string", "integer"]});
    json!({
        "type": ["array", "null"],
        "description": "Menus whose series are there at 0 from the first scrape",
        "items": {
            "type": "object",
            "additionalProperties": false,
            "required": ["rp_id", "channel", "options"],
            "properties": {"target": text, "rp_id": text, "channel": text, "options": texts()}
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_a_target_stands_in_the_list() {
        let schema = schema();
        let target = &schema["properties"]["targets"]["items"]["properties"];
        assert_eq!(target["tls"]["properties"]["ca_file"]["type"], "string");
        assert_eq!(target["licences"]["minimum"], 1);
        let poll = &schema["properties"]["poll"]["properties"];
        assert_eq!(poll["interval"]["default"], "5m");
        assert_eq!(poll["requests_in_flight"]["maximum"], 10_000);
        assert_eq!(poll["requests_in_flight"]["default"], 64);
    }
}
