//! Attributes of listeners, and certificates besides the default one.

use super::listener::{self, Listener};
use super::{attributes, configuration, pages};
use crate::aws::context::Ctx;
use crate::aws::error::{AwsError, AwsResult};
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "DescribeListenerAttributes",
        accepts: &["ListenerArn"],
        handler: describe,
    },
    Operation {
        name: "ModifyListenerAttributes",
        accepts: &["ListenerArn", "Attributes.Key", "Attributes.Value"],
        handler: modify,
    },
    Operation {
        name: "AddListenerCertificates",
        accepts: &["ListenerArn", "Certificates.CertificateArn"],
        handler: add_certificates,
    },
    Operation {
        name: "RemoveListenerCertificates",
        accepts: &["ListenerArn", "Certificates.CertificateArn"],
        handler: remove_certificates,
    },
    Operation {
        name: "DescribeListenerCertificates",
        accepts: &["ListenerArn", "Marker", "PageSize"],
        handler: describe_certificates,
    },
];

fn of(listener: &Listener) -> attributes::Of<'_> {
    attributes::Of::Listener(&listener.protocol)
}

fn describe(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let listener = listener::find(ctx, params)?;
    Ok(attributes::answer(of(&listener), &listener.attributes))
}

fn modify(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut listener = listener::find(ctx, params)?.edit();
    let changed = attributes::change(of(&listener), &listener.attributes, params)?;
    let answer = attributes::answer(of(&listener), &changed);
    listener.attributes = changed;
    ctx.put(listener);
    Ok(answer)
}

fn add_certificates(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut listener = listener::find(ctx, params)?.edit();
    if listener.certificate.is_none() {
        return Err(configuration(
            "Certificates can only be added to HTTPS and TLS listeners",
        ));
    }
    let new = listener::certificates(ctx, params)?;
    for arn in &new {
        if !listener.certificates.contains(arn) {
            listener.certificates.push(arn.clone());
        }
    }
    if listener.certificates.len() > 25 {
        return Err(AwsError::new(
            "TooManyCertificates",
            "The maximum number of certificates has been reached",
        ));
    }
    ctx.put(listener);
    let mut xml = Xml::new();
    xml.list("Certificates", "member", &new, |xml, arn| {
        xml.text("CertificateArn", arn).text("IsDefault", false);
    });
    Ok(xml)
}

fn remove_certificates(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let mut listener = listener::find(ctx, params)?.edit();
    let gone = listener::certificates(ctx, params)?;
    if gone
        .iter()
        .any(|arn| Some(arn) == listener.certificate.as_ref())
    {
        let message = "The default certificate cannot be removed from a listener";
        return Err(AwsError::new("OperationNotPermitted", message));
    }
    listener.certificates.retain(|arn| !gone.contains(arn));
    ctx.put(listener);
    Ok(Xml::new())
}

fn describe_certificates(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let listener = listener::find(ctx, params)?;
    let default = listener.certificate.iter().map(|arn| (arn.clone(), true));
    let mut all: Vec<(String, bool)> = default
        .chain(listener.certificates.iter().map(|arn| (arn.clone(), false)))
        .collect();
    all.sort();
    let page = pages(all, |(arn, _)| arn.as_str(), params)?;
    let mut xml = Xml::new();
    xml.list(
        "Certificates",
        "member",
        &page.items,
        |xml, (arn, default)| {
            xml.text("CertificateArn", arn).text("IsDefault", default);
        },
    )
    .opt("NextMarker", page.next);
    Ok(xml)
}
