//! What a call says, on its way into the official types: path and query by the names of their fields, and the body.

use super::{Failure, names, path};
use crate::client::Request;
use crate::wire::snake;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

/// Where a method's body goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// It has none.
    None,
    /// Its fields are the request's.
    Whole,
    /// It is this field of the request.
    Field(&'static str),
}

/// What a call says, by fields of the request's type.
#[derive(Debug)]
pub(super) struct Arguments {
    fields: Map<String, Json>,
    /// Whether what the body says must all be sent, also that something is nothing now.
    exact: bool,
}

impl Arguments {
    /// What a call says; none when its path is not the template's.
    pub(super) fn of(
        request: &Request,
        template: &'static str,
        body: Body,
        exact: bool,
    ) -> Option<Arguments> {
        let captured = path::captured(template, &request.path)?;
        let mut fields = Map::new();
        match (body, &request.body) {
            (Body::Whole, Some(Json::Object(said))) => fields.clone_from(said),
            (Body::Field(name), Some(said)) => drop(fields.insert(name.to_owned(), said.clone())),
            _ => {}
        }
        for (name, value) in captured {
            put(&mut fields, name, Json::from(value));
        }
        for (name, value) in &request.query {
            let name = name.split('.').map(snake).collect::<Vec<_>>().join(".");
            let value = typed(&name, value);
            match fields.get_mut(&name) {
                // Said more than once, it is a list.
                Some(Json::Array(values)) => values.push(value),
                _ if REPEATED.contains(&&*name) => {
                    drop(fields.insert(name, Json::Array(vec![value])));
                }
                _ => put(&mut fields, &name, value),
            }
        }
        Some(Arguments { fields, exact })
    }

    /// One field of the request.
    ///
    /// # Errors
    /// What the field's type cannot say.
    pub(super) fn take<T: DeserializeOwned + Serialize + Default>(
        &mut self,
        field: &str,
    ) -> Result<T, Failure> {
        match self.fields.remove(field.trim_start_matches("r#")) {
            None => Ok(T::default()),
            Some(said) => read(said, self.exact && field == "body"),
        }
    }

    /// That all has been taken: a parameter that the method does not have is a fault of ours.
    ///
    /// # Errors
    /// What is left.
    pub(super) fn done(&self) -> Result<(), Failure> {
        match self.fields.keys().next() {
            None => Ok(()),
            Some(left) => Err(Failure::Unfit(format!("it has no parameter `{left}`"))),
        }
    }

    /// The whole request.
    ///
    /// # Errors
    /// What its type cannot say.
    pub(super) fn whole<T: DeserializeOwned + Serialize>(self) -> Result<T, Failure> {
        read(Json::Object(self.fields), self.exact)
    }
}

/// Parameters that may be said more than once.
const REPEATED: [&str; 1] = ["names"];

fn put(fields: &mut Map<String, Json>, name: &str, value: Json) {
    crate::wire::put(fields, &name.replace('.', "/"), value);
}

/// Parameters that are numbers in requests which are put together by field.
const NUMBERS: [&str; 1] = ["priority"];

/// A parameter of the query as the value that it stands for.
fn typed(name: &str, text: &str) -> Json {
    match (text, text.parse::<i64>()) {
        ("true", _) => Json::Bool(true),
        ("false", _) => Json::Bool(false),
        (_, Ok(number)) if NUMBERS.contains(&name) => Json::from(number),
        _ => Json::from(text),
    }
}

fn read<T: DeserializeOwned + Serialize>(said: Json, exact: bool) -> Result<T, Failure> {
    if !exact {
        return serde_json::from_value(said).map_err(Failure::unfit);
    }
    let typed: T = serde_json::from_value(said.clone()).map_err(Failure::unfit)?;
    let kept = names::json(&typed).map_err(Failure::unfit)?;
    if is_lost(&said, &kept) {
        return Err(Failure::Lossy);
    }
    Ok(typed)
}

/// Whether something that was said would not be sent: the types leave out what is nothing.
fn is_lost(said: &Json, kept: &Json) -> bool {
    match (said, kept) {
        (Json::Object(said), Json::Object(kept)) => said.iter().any(|(name, value)| {
            let kept = kept
                .get(name)
                .or_else(|| kept.get(&crate::wire::camel(name)));
            kept.is_none_or(|kept| is_lost(value, kept))
        }),
        (Json::Array(said), Json::Array(kept)) => {
            said.len() != kept.len()
                || said
                    .iter()
                    .zip(kept)
                    .any(|(said, kept)| is_lost(said, kept))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::{COMPUTE, KMS, USAGE};
    use google_cloud_compute_v1::model::{BackendService, Firewall};
    use reqwest::Method;
    use serde_json::json;

    fn fields(request: &Request, template: &'static str, body: Body) -> Json {
        let arguments = Arguments::of(request, template, body, false).expect("its path fits");
        Json::Object(arguments.fields)
    }

    #[test]
    fn path_query_and_body_become_fields() {
        let patch = Request::send(
            COMPUTE,
            "compute.networks.patch",
            Method::PATCH,
            "projects/p/global/networks/n",
            json!({"mtu": 1500}),
        )
        .query("requestId", "u");
        assert_eq!(
            fields(
                &patch,
                "projects/{project}/global/networks/{network}",
                Body::Field("body")
            ),
            json!({"project": "p", "network": "n", "request_id": "u", "body": {"mtu": 1500}})
        );
        let policy = Request::get(KMS, "getIamPolicy", "projects/p:getIamPolicy")
            .query("options.requestedPolicyVersion", "3");
        assert_eq!(
            fields(&policy, "{resource=projects/*}:getIamPolicy", Body::None),
            json!({"resource": "projects/p", "options": {"requested_policy_version": "3"}})
        );
        let account = Request::send(
            KMS,
            "patch",
            Method::PATCH,
            "a/b",
            json!({"serviceAccount": {"displayName": "x"}, "updateMask": "displayName"}),
        );
        assert_eq!(
            fields(&account, "{serviceAccount.name=a/*}", Body::Whole),
            json!({"serviceAccount": {"displayName": "x", "name": "a/b"}, "updateMask": "displayName"})
        );
        let names = Request::get(USAGE, "batchGet", "p/services:batchGet").query("names", "a");
        assert_eq!(
            fields(&names.clone(), "{parent}/services:batchGet", Body::None)["names"],
            json!(["a"])
        );
        assert_eq!(
            fields(
                &names.query("names", "b"),
                "{parent}/services:batchGet",
                Body::None
            )["names"],
            json!(["a", "b"])
        );
    }

    #[test]
    fn what_the_types_leave_out_is_noticed() {
        for (body, lossy) in [
            (
                json!({"sourceTags": ["a"], "disabled": false, "priority": 0}),
                false,
            ),
            (json!({"sourceTags": []}), true),
            (json!({"logConfig": null}), true),
        ] {
            let read = read::<Firewall>(body.clone(), true);
            assert_eq!(matches!(read, Err(Failure::Lossy)), lossy, "{body}");
        }
        let nested =
            json!({"backends": [{"group": "g", "capacityScaler": 0.0}], "iap": {"enabled": false}});
        assert!(read::<BackendService>(nested, true).is_ok());
        assert!(matches!(
            read::<Firewall>(json!({"disabled": "perhaps"}), true),
            Err(Failure::Unfit(_))
        ));
    }

    #[test]
    fn a_parameter_that_a_method_lacks_is_not_lost() {
        let request = Request::get(COMPUTE, "x", "zones").query("view", "FULL");
        let mut arguments =
            Arguments::of(&request, "zones", Body::None, false).expect("its path fits");
        assert!(matches!(arguments.done(), Err(Failure::Unfit(_))));
        assert_eq!(
            arguments
                .take::<Option<String>>("view")
                .ok()
                .flatten()
                .as_deref(),
            Some("FULL")
        );
        assert!(arguments.done().is_ok());
    }
}
