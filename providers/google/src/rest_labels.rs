//! The labels of `google_rest_resource`, among which its marks are. An API does not tell which of its fields are labels; the stack file
//! does: by `labels_field`, or by declaring `labels`.

use crate::labels::{self, Labels, MARKS};
use infra_model::Operation;
use serde_json::{Map, Value as Json};

/// The field that most APIs have.
const FIELD: &str = "labels";

/// What `labels_field` says of an API without any.
pub(crate) const NONE: &str = "none";

/// Where a resource has its labels: a JSON pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place(String);

impl Place {
    /// By what the stack file says: a dotted field, or labels that are declared.
    pub(crate) fn of(field: Option<&str>, body: &Json) -> Option<Place> {
        let plain = |labels: &Json| {
            let all = labels.as_object()?;
            Some(all.values().all(Json::is_string))
        };
        match field {
            Some(NONE | "") => None,
            Some(field) => Some(Place(format!("/{}", field.replace('.', "/")))),
            None => (plain(body.get(FIELD)?)?).then(|| Place(format!("/{FIELD}"))),
        }
    }

    /// The field of the body that they are in.
    fn outer(&self) -> &str {
        self.0[1..].split('/').next().unwrap_or_default()
    }

    pub(crate) fn read(&self, found: &Json) -> Labels {
        labels::of(found.pointer(&self.0))
    }

    fn put(&self, body: &mut Map<String, Json>, labels: &Labels) {
        crate::wire::put(body, &self.0[1..], labels::json(labels));
    }

    /// Puts the labels of a new resource into its body, with the provider's and the marks.
    pub(crate) fn for_create(
        &self,
        defaults: &Labels,
        operation: &Operation,
        body: &mut Map<String, Json>,
    ) {
        let own = self.read(&Json::Object(body.clone()));
        self.put(body, &MARKS.for_create(defaults, &own, operation));
    }

    /// Puts the labels as they shall be into the body of a change, where that writes the field that they are in. Of labels that are not
    /// declared, those that are there stay.
    pub(crate) fn for_update(
        &self,
        defaults: &Labels,
        operation: &Operation,
        body: &mut Map<String, Json>,
        (desired, there): (&Json, &Json),
        whole: bool,
    ) {
        if !whole && !body.contains_key(self.outer()) {
            return;
        }
        let now = self.read(there);
        let own = match desired.pointer(&self.0) {
            Some(_) => self.read(desired),
            None => MARKS.split(now.clone(), &Labels::new(), None).0,
        };
        self.put(body, &MARKS.for_update(defaults, &own, operation, &now));
    }

    /// What was found without marks, and without the provider's labels that the resource does not say itself.
    pub(crate) fn shown(&self, defaults: &Labels, mut found: Json, said: &Json) -> Json {
        let own = self.read(said);
        let (own, _) = MARKS.split(self.read(&found), defaults, Some(&own));
        if let Some(place) = found.pointer_mut(&self.0) {
            *place = labels::json(&own);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_cloud::testing::operation;
    use serde_json::json;

    #[test]
    fn a_stack_file_says_where_labels_are() {
        for (field, body, expected) in [
            (None, json!({}), None),
            (None, json!({ "labels": { "a": "b" } }), Some("/labels")),
            (None, json!({ "labels": [] }), None),
            (Some("resourceLabels"), json!({}), Some("/resourceLabels")),
            (
                Some("settings.userLabels"),
                json!({}),
                Some("/settings/userLabels"),
            ),
            (Some("none"), json!({ "labels": {} }), None),
        ] {
            let place = Place::of(field, &body);
            assert_eq!(place.as_ref().map(|p| &*p.0), expected, "{field:?} {body}");
        }
    }

    #[test]
    fn marks_are_written_and_never_shown() {
        let operation = operation("google_rest_resource.it");
        let defaults = Labels::from([("team".to_owned(), "shop".to_owned())]);
        for (field, said) in [
            (None, json!({ "size": 1, "labels": { "a": "b" } })),
            (
                Some("settings.userLabels"),
                json!({ "settings": { "userLabels": { "a": "b" }, "tier": "x" } }),
            ),
        ] {
            let place = Place::of(field, &said).expect("has labels");
            let mut body = said.as_object().expect("a table").clone();
            place.for_create(&defaults, &operation, &mut body);
            let there = Json::Object(body);
            let all = place.read(&there);
            assert_eq!(all["infra-stack"], "demo");
            assert_eq!(all["team"], "shop");
            assert_eq!(place.shown(&defaults, there.clone(), &said), said);
            // A change of other fields leaves them alone, one that writes all brings them.
            let mut patch = Map::from_iter([("other".to_owned(), json!(2))]);
            place.for_update(&defaults, &operation, &mut patch, (&said, &there), false);
            assert_eq!(patch.len(), 1);
            let mut put = said.as_object().expect("a table").clone();
            place.for_update(&defaults, &operation, &mut put, (&said, &there), true);
            assert_eq!(place.read(&Json::Object(put)), all);
        }
    }
}
