//! The tags of `aws_cloudcontrol_resource`, among which its marks are. Cloud Control does not tell how a type has tags; the stack file
//! does: by its `tagging`, or by the tags that it declares.

use crate::tags::{self, Tags};
use infra_model::{Operation, Value};
use serde_json::{Map, Value as Json, json};

/// How a type has tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `[{ Key = "team", Value = "shop" }]`
    List,
    /// `{ team = "shop" }`
    Map,
}

/// The property that holds tags where none is named.
pub(crate) const PROPERTY: &str = "Tags";

/// What `tagging` may say.
pub(crate) const TAGGING: [&str; 3] = ["list", "map", "none"];

/// Where a resource has its tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) property: String,
    pub(crate) shape: Shape,
}

impl Place {
    /// By what the stack file says; none where it says nothing, or that there are none.
    pub(crate) fn of(
        tagging: Option<&str>,
        property: Option<&str>,
        properties: &Json,
    ) -> Option<Place> {
        let property = property.unwrap_or(PROPERTY);
        let shape = match tagging {
            Some("list") => Shape::List,
            Some("map") => Shape::Map,
            Some(_) => return None,
            None => declared(properties.get(property)?)?,
        };
        Some(Place {
            property: property.to_owned(),
            shape,
        })
    }

    /// [`Place::of`] what a value of the type says.
    pub(crate) fn of_value(value: &Value) -> Option<Place> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let properties = value.get("properties").map(infra_model::json::to_json);
        Place::of(
            text("tagging"),
            text("tags_property"),
            &properties.unwrap_or(Json::Null),
        )
    }

    /// The tags among properties.
    pub(crate) fn read(&self, properties: &Json) -> Tags {
        let found = &properties[&self.property];
        let text = |json: &Json| json.as_str().map(str::to_owned);
        match self.shape {
            Shape::Map => {
                let all = found.as_object().into_iter().flatten();
                all.filter_map(|(k, v)| Some((k.clone(), text(v)?)))
                    .collect()
            }
            Shape::List => {
                let all = found.as_array().into_iter().flatten();
                all.filter_map(|tag| Some((text(&tag["Key"])?, text(&tag["Value"])?)))
                    .collect()
            }
        }
    }

    /// Tags as the property has them; those that were said in their order first.
    fn written(&self, tags: &Tags, said: &Json) -> Json {
        match self.shape {
            Shape::Map => tags
                .iter()
                .map(|(k, v)| (k.clone(), json!(v)))
                .collect::<Map<_, _>>()
                .into(),
            Shape::List => {
                let order: Vec<&str> = said[&self.property]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|tag| tag["Key"].as_str())
                    .collect();
                let mut all: Vec<(&String, &String)> = tags.iter().collect();
                all.sort_by_key(|(key, _)| {
                    let at = order.iter().position(|said| said == key);
                    at.unwrap_or(order.len())
                });
                all.iter()
                    .map(|(k, v)| json!({ "Key": k, "Value": v }))
                    .collect()
            }
        }
    }

    /// The properties of a new resource, with the provider's tags and the marks.
    pub(crate) fn for_create(
        &self,
        defaults: &Tags,
        operation: &Operation,
        mut properties: Map<String, Json>,
    ) -> Map<String, Json> {
        let said = Json::Object(properties.clone());
        let all = tags::for_create(defaults, &self.read(&said), operation);
        properties.insert(self.property.clone(), self.written(&all, &said));
        properties
    }

    /// The operation of a patch that writes the tags as they shall be; none where they are so. Of tags that are not declared, those that
    /// are there stay, but for those that were declared before.
    pub(crate) fn for_update(
        &self,
        defaults: &Tags,
        operation: &Operation,
        [prior, desired, there]: [&Json; 3],
    ) -> Option<Json> {
        let now = self.read(there);
        let own = match desired.get(&self.property) {
            Some(_) => self.read(desired),
            None => {
                let before = self.read(prior);
                let (mut own, _) = tags::split(now.clone(), &Tags::new(), None);
                own.retain(|key, _| !before.contains_key(key));
                own
            }
        };
        let mut all = tags::merged(defaults, &own);
        all.extend(tags::marks(operation));
        // Written once, when it was made.
        let made = now.get(tags::OPERATION).cloned();
        all.extend(made.map(|made| (tags::OPERATION.to_owned(), made)));
        // What AWS itself has put there cannot be written.
        let writable = now.iter().filter(|(key, _)| !key.starts_with("aws:"));
        (!writable.eq(&all)).then(|| {
            let value = self.written(&all, desired);
            json!({ "op": "add", "path": format!("/{}", self.property), "value": value })
        })
    }

    /// What was found without marks, and without the provider's tags that the resource does not say itself.
    pub(crate) fn shown(&self, defaults: &Tags, mut found: Json, said: &Json) -> Json {
        if found.get(&self.property).is_some() {
            let own = self.read(said);
            let (own, _) = tags::split(self.read(&found), defaults, Some(&own));
            let written = self.written(&own, said);
            found[&self.property] = written;
        }
        found
    }
}

/// The shape of declared tags. A list whose items say more, as those of Auto Scaling groups do, is the type's own affair.
fn declared(tags: &Json) -> Option<Shape> {
    let plain = |tag: &Json| {
        let names = tag
            .as_object()
            .map(|tag| tag.keys().map(String::as_str).collect::<Vec<_>>());
        names.is_some_and(|names| names == ["Key", "Value"])
    };
    match tags {
        Json::Object(all) => all.values().all(Json::is_string).then_some(Shape::Map),
        Json::Array(all) => all.iter().all(plain).then_some(Shape::List),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_cloud::testing::operation;

    fn texts(pairs: &[(&str, &str)]) -> Tags {
        let pairs = pairs.iter();
        pairs
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn a_stack_file_says_how_a_type_has_tags() {
        let list = json!({ "Tags": [{ "Key": "a", "Value": "b" }] });
        for (tagging, property, properties, expected) in [
            (None, None, json!({}), None),
            (None, None, list.clone(), Some(Shape::List)),
            (
                None,
                None,
                json!({ "Tags": { "a": "b" } }),
                Some(Shape::Map),
            ),
            (
                None,
                None,
                json!({ "Tags": [{ "Key": "a", "Value": "b", "PropagateAtLaunch": true }] }),
                None,
            ),
            (
                None,
                Some("UserPoolTags"),
                json!({ "UserPoolTags": {} }),
                Some(Shape::Map),
            ),
            (Some("list"), None, json!({}), Some(Shape::List)),
            (Some("none"), None, list, None),
        ] {
            let place = Place::of(tagging, property, &properties);
            assert_eq!(place.map(|p| p.shape), expected, "{tagging:?} {properties}");
        }
    }

    #[test]
    fn marks_are_written_and_never_shown() {
        let operation = operation("aws_cloudcontrol_resource.it");
        let defaults = texts(&[("team", "shop")]);
        for (shape, said) in [
            (
                Shape::List,
                json!({ "Tags": [{ "Key": "z", "Value": "1" }, { "Key": "b", "Value": "2" }] }),
            ),
            (Shape::Map, json!({ "Tags": { "b": "2", "z": "1" } })),
        ] {
            let place = Place {
                property: "Tags".to_owned(),
                shape,
            };
            let said_map = said.as_object().expect("a table").clone();
            let written = Json::Object(place.for_create(&defaults, &operation, said_map));
            let all = place.read(&written);
            assert_eq!(all["infra:stack"], "demo");
            assert_eq!(all["team"], "shop");
            assert_eq!(all[tags::OPERATION], operation.id.to_string());
            assert_eq!(place.shown(&defaults, written.clone(), &said), said);
            // Nothing to do, until something changes: then the creating operation stays.
            let other = infra_model::Operation {
                id: infra_model::OperationId::from_random(7),
                ..operation.clone()
            };
            assert_eq!(
                place.for_update(&defaults, &other, [&said, &said, &written]),
                None
            );
            let update = place
                .for_update(&Tags::new(), &other, [&said, &said, &written])
                .expect("a change");
            let after = json!({ "Tags": update["value"] });
            assert_eq!(
                place.read(&after)[tags::OPERATION],
                operation.id.to_string()
            );
            assert!(!place.read(&after).contains_key("team"));
            // Tags that are not declared stay.
            let none = json!({});
            let more = texts(&[("more", "x")]);
            let kept = place.for_update(&more, &other, [&none, &none, &written]);
            let after = json!({ "Tags": kept.expect("a change")["value"] });
            assert_eq!(place.read(&after)["z"], "1");
            let gone = place.for_update(&more, &other, [&said, &none, &written]);
            let after = json!({ "Tags": gone.expect("a change")["value"] });
            assert!(!place.read(&after).contains_key("z"));
        }
    }
}
