//! OpenID Connect providers: what lets pods of a cluster assume roles. One per URL.

use serde::{Deserialize, Serialize};

use super::common::{
    already_exists, limit_exceeded, no_such_entity, require, tag_error, tags, validation,
    write_page, write_tags,
};
use crate::aws::context::{Ctx, global_arn};
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;
use crate::clock::{Millis, iso8601};
use crate::world::{Document, Listed, Scope, Stored};

/// A provider.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OidcProvider {
    arn: String,
    /// Without `https://`.
    url: String,
    clients: Vec<String>,
    thumbprints: Vec<String>,
    created_at: Millis,
}

impl OidcProvider {
    /// Whether tokens for an audience are taken.
    pub(crate) fn takes(&self, audience: &str) -> bool {
        self.clients.iter().any(|client| client == audience)
    }
}

impl Document for OidcProvider {
    const KIND: &'static str = "iam/oidc-provider";
    const SCOPE: Scope = Scope::Global;

    fn id(&self) -> &str {
        &self.arn
    }

    fn listed(&self) -> Option<Listed> {
        Listed::aws("aws_iam_openid_connect_provider")
    }
}

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateOpenIDConnectProvider",
        accepts: &[
            "Url",
            "ClientIDList",
            "ThumbprintList",
            "Tags.Key",
            "Tags.Value",
        ],
        handler: create,
    },
    Operation {
        name: "GetOpenIDConnectProvider",
        accepts: &["OpenIDConnectProviderArn"],
        handler: get,
    },
    Operation {
        name: "DeleteOpenIDConnectProvider",
        accepts: &["OpenIDConnectProviderArn"],
        handler: delete,
    },
    Operation {
        name: "ListOpenIDConnectProviders",
        accepts: &[],
        handler: list,
    },
    Operation {
        name: "UpdateOpenIDConnectProviderThumbprint",
        accepts: &["OpenIDConnectProviderArn", "ThumbprintList"],
        handler: update_thumbprint,
    },
    Operation {
        name: "AddClientIDToOpenIDConnectProvider",
        accepts: &["OpenIDConnectProviderArn", "ClientID"],
        handler: add_client,
    },
    Operation {
        name: "RemoveClientIDFromOpenIDConnectProvider",
        accepts: &["OpenIDConnectProviderArn", "ClientID"],
        handler: remove_client,
    },
    Operation {
        name: "TagOpenIDConnectProvider",
        accepts: &["OpenIDConnectProviderArn", "Tags.Key", "Tags.Value"],
        handler: tag,
    },
    Operation {
        name: "UntagOpenIDConnectProvider",
        accepts: &["OpenIDConnectProviderArn", "TagKeys"],
        handler: untag,
    },
    Operation {
        name: "ListOpenIDConnectProviderTags",
        accepts: &["OpenIDConnectProviderArn", "Marker", "MaxItems"],
        handler: list_tags,
    },
];

fn find(ctx: &Ctx<'_>, params: &Params) -> AwsResult<Stored<OidcProvider>> {
    let arn = require(params, "OpenIDConnectProviderArn")?;
    ctx.get::<OidcProvider>(arn)
        .ok_or_else(|| no_such_entity(format!("OpenIDConnect Provider not found for arn {arn}")))
}

/// At most five SHA-1 digests; none lets IAM use the certificate authorities that it trusts.
fn thumbprints(params: &Params) -> AwsResult<Vec<String>> {
    let list = params.strings("ThumbprintList");
    if list.len() > 5 {
        return Err(AwsError::new(
            "InvalidInput",
            "Thumbprint list must contain fewer than 5 entries.",
        ));
    }
    if list
        .iter()
        .any(|text| text.len() != 40 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()))
    {
        return Err(validation("A thumbprint must be 40 hexadecimal digits"));
    }
    if list.is_empty() {
        return Ok(vec!["9e99a48a9960b14926bb7f3b02e22da2b0ab7280".to_owned()]);
    }
    Ok(list.into_iter().map(str::to_ascii_lowercase).collect())
}

fn create(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let url = require(params, "Url")?;
    let Some(bare) = url
        .strip_prefix("https://")
        .filter(|rest| !rest.is_empty() && !rest.contains(['?', '#']))
    else {
        return Err(validation("Invalid Open ID Connect Provider URL"));
    };
    let bare = bare.trim_end_matches('/');
    let arn = global_arn("iam", &format!("oidc-provider/{bare}"));
    let clients = params.strings("ClientIDList");
    if clients.len() > 100 {
        return Err(limit_exceeded(
            "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100",
        ));
    }
    let tags = tags(params)?;
    if ctx.exists::<OidcProvider>(&arn) {
        return Err(already_exists(format!(
            "Provider with url {url} already exists."
        )));
    }
    let provider = OidcProvider {
        arn: arn.clone(),
        url: bare.to_owned(),
        clients: clients.into_iter().map(str::to_owned).collect(),
        thumbprints: thumbprints(params)?,
        created_at: ctx.now,
    };
    let mut xml = Xml::new();
    xml.text("OpenIDConnectProviderArn", arn);
    write_tags(&mut xml, &tags);
    ctx.put_tagged(provider, tags);
    Ok(xml)
}

fn get(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let provider = find(ctx, params)?;
    let mut xml = Xml::new();
    xml.text("Url", &provider.url)
        .texts("ClientIDList", "member", &provider.clients)
        .texts("ThumbprintList", "member", &provider.thumbprints)
        .text("CreateDate", iso8601(provider.created_at));
    write_tags(&mut xml, provider.tags());
    Ok(xml)
}

fn delete(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let provider = find(ctx, params)?;
    ctx.delete::<OidcProvider>(&provider.arn);
    Ok(Xml::new())
}

fn list(ctx: &mut Ctx<'_>, _: &Params) -> AwsResult<Xml> {
    let mut xml = Xml::new();
    xml.list(
        "OpenIDConnectProviderList",
        "member",
        ctx.list::<OidcProvider>(),
        |xml, provider| {
            xml.text("Arn", &provider.arn);
        },
    );
    Ok(xml)
}

fn update_thumbprint(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let provider = find(ctx, params)?;
    ctx.put(OidcProvider {
        thumbprints: thumbprints(params)?,
        ..provider.edit()
    });
    Ok(Xml::new())
}

fn add_client(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut provider = find(ctx, params)?.edit();
    let client = require(params, "ClientID")?;
    if !provider.clients.iter().any(|other| other == client) {
        provider.clients.push(client.to_owned());
    }
    ctx.put(provider);
    Ok(Xml::new())
}

fn remove_client(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut provider = find(ctx, params)?.edit();
    let client = require(params, "ClientID")?;
    // Removing what is not there is no error.
    provider.clients.retain(|other| other != client);
    ctx.put(provider);
    Ok(Xml::new())
}

fn tag(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let provider = find(ctx, params)?;
    let mut merged = provider.tags().clone();
    merged.merge(tags(params)?).map_err(tag_error)?;
    ctx.set_tags::<OidcProvider>(&provider.arn, merged);
    Ok(Xml::new())
}

fn untag(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let provider = find(ctx, params)?;
    let mut left = provider.tags().clone();
    for key in params.strings("TagKeys") {
        left.remove(key);
    }
    ctx.set_tags::<OidcProvider>(&provider.arn, left);
    Ok(Xml::new())
}

fn list_tags(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let provider = find(ctx, params)?;
    let mut xml = Xml::new();
    write_tags(&mut xml, provider.tags());
    write_page(&mut xml, None);
    Ok(xml)
}
