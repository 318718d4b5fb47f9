//! URLs of compute resources, whole or in part, and whether what they name is there.

use serde_json::Value;

use super::super::context::{Ctx, each};
use super::super::error::{GoogleError, GoogleResult};
use super::super::item::Item;
use super::kind::{Kind, Place, Reference, table};
use crate::world::Stored;

/// What full URLs of resources begin with.
pub(crate) const PREFIX: &str = "https://www.googleapis.com/compute/v1/";

/// The path of a URL, whole, from the project on or from the location on: `projects/p/global/networks/n`.
pub(crate) fn path_of(ctx: &Ctx<'_>, url: &str, project: &str) -> Option<String> {
    let path = match url.split_once("/compute/") {
        Some((_, rest)) => rest.split_once('/')?.1,
        None => url.trim_start_matches('/'),
    };
    let first = path.split('/').next()?;
    let path = match first {
        "projects" => path.to_owned(),
        "global" | "regions" | "zones" => format!("projects/{project}/{path}"),
        _ => return None,
    };
    let segments = path.split('/').count();
    let even = path.split('/').nth(2) == Some("global");
    // `projects/p/global/networks/n` or `projects/p/regions/r/subnetworks/s`.
    if segments != if even { 5 } else { 6 } || path.ends_with('/') {
        return None;
    }
    // A project may be named by its number.
    let (_, rest) = path.split_once('/')?;
    let (named, rest) = rest.split_once('/')?;
    Some(format!("projects/{}/{rest}", ctx.project_id(named)))
}

/// The collection of a path: `networks`.
pub(crate) fn collection(path: &str) -> &str {
    path.rsplit('/').nth(1).unwrap_or_default()
}

/// The resource of a path, when it is there and made.
pub(crate) fn find(ctx: &Ctx<'_>, path: &str) -> GoogleResult<Stored<Item>> {
    let found = ctx.get(&table(collection(path)), path);
    let item = found.ok_or_else(|| missing(path))?;
    if item.ready_at > ctx.now || item.deleting {
        return Err(not_ready(path));
    }
    Ok(item)
}

/// 404 as compute words it.
pub(crate) fn missing(path: &str) -> GoogleError {
    GoogleError::not_found(format!("The resource '{path}' was not found"))
}

/// 400 `resourceNotReady`.
pub(crate) fn not_ready(path: &str) -> GoogleError {
    GoogleError::new(
        400,
        "resourceNotReady",
        "FAILED_PRECONDITION",
        format!("The resource '{path}' is not ready"),
    )
}

/// Checks all references of a document, writes them as full URLs and gives the paths that they name.
pub(crate) fn resolve(
    ctx: &Ctx<'_>,
    kind: &Kind,
    place: &Place,
    doc: &mut Value,
) -> GoogleResult<Vec<String>> {
    let mut links = Vec::new();
    for reference in kind.references {
        each(doc, reference.field, &mut |value| {
            let Some(url) = value.as_str() else {
                return Ok(());
            };
            if let Some(path) = one(ctx, reference, place, url)? {
                *value = format!("{PREFIX}{path}").into();
                links.push(path);
            }
            Ok(())
        })?;
    }
    links.sort();
    links.dedup();
    Ok(links)
}

fn one(
    ctx: &Ctx<'_>,
    reference: &Reference,
    place: &Place,
    url: &str,
) -> GoogleResult<Option<String>> {
    let field = format!("resource.{}", reference.field.replace("/*/", "[0]."));
    let field = field.trim_end_matches("/*").to_owned();
    if url.is_empty() {
        return Ok(None);
    }
    let bare = reference.to.first().filter(|_| !url.contains('/'));
    let path = match (path_of(ctx, url, &place.project), bare) {
        (Some(path), _) => path,
        (None, _) if reference.loose => return Ok(None),
        (None, _) => return Err(GoogleError::field(&field, url, "The URL is malformed.")),
    };
    let collection = collection(&path);
    if !reference.to.is_empty() && !reference.to.contains(&collection) {
        if reference.loose {
            return Ok(None);
        }
        let wanted = reference.to.join(" or ");
        let why = format!("Unexpected resource collection '{collection}'; expected {wanted}.");
        return Err(GoogleError::field(&field, url, &why));
    }
    find(ctx, &path)?;
    Ok(Some(path))
}
