//! What is in the containers of a storage account, by the blob service itself, which speaks XML
//! (<https://learn.microsoft.com/rest/api/storageservices/list-blobs>).

use super::account::Account;
use crate::client::{Audience, Client, Request};
use crate::kind::Kind;
use infra_cloud::absence::there;
use infra_model::kept::{Folder, Stored};
use infra_model::{CallContext, ErrorKind, ProviderError, Timestamp};
use quick_xml::Reader;
use quick_xml::events::Event;

/// The version of its calls.
const VERSION: &str = "2023-11-03";
const OF: &str = "Microsoft.Storage/storageAccounts/blobs";

/// What is directly in a folder; the first part of its path is the container.
pub(super) async fn folder(
    client: &Client,
    context: &CallContext,
    id: &str,
    path: &str,
) -> Result<Folder, ProviderError> {
    let (container, prefix) = path.split_once('/').unwrap_or((path, ""));
    let account = crate::found::fetch(client, context, &Account::API, id).await?;
    let endpoint = account
        .as_ref()
        .and_then(|a| a["properties"]["primaryEndpoints"]["blob"].as_str());
    let endpoint = endpoint.ok_or_else(|| {
        ProviderError::new(ErrorKind::NotFound, format!("`{id}` serves no blobs"))
    })?;
    let url = format!(
        "{}{container}",
        client.blobs(crate::api::short(id), endpoint)
    );
    let mut request = Request::get(OF, "", url)
        .query("restype", "container")
        .query("comp", "list")
        .query("prefix", prefix)
        .query("delimiter", "/")
        .unregistered();
    request.audience = Audience::Blobs;
    request.headers.push(("x-ms-version", VERSION.to_owned()));
    let mut found = Folder::default();
    let mut marker = String::new();
    loop {
        let mut page = request.clone();
        if !marker.is_empty() {
            page = page.query("marker", &*marker);
        }
        let Some(answer) = there(client.call(context, &page).await)? else {
            return Ok(Folder::default());
        };
        marker = read(answer.as_str().unwrap_or_default(), &mut found).map_err(|why| {
            ProviderError::new(
                ErrorKind::Transient,
                format!("the list of blobs is no XML: {why}"),
            )
        })?;
        if marker.is_empty() {
            return Ok(within(container, found));
        }
    }
}

/// The same with whole paths, which begin with the container.
fn within(container: &str, found: Folder) -> Folder {
    let whole = |name: String| format!("{container}/{name}");
    let objects = found.objects.into_iter().map(|object| Stored {
        name: whole(object.name),
        ..object
    });
    Folder {
        folders: found.folders.into_iter().map(whole).collect(),
        objects: objects.collect(),
    }
}

/// Reads a page; the marker of the next one, empty on the last.
fn read(page: &str, found: &mut Folder) -> Result<String, quick_xml::Error> {
    let mut reader = Reader::from_str(page);
    let (mut at, mut text, mut marker) = (Vec::new(), String::new(), String::new());
    let (mut name, mut written) = (String::new(), None);
    loop {
        match reader.read_event()? {
            Event::Start(tag) => {
                at.push(String::from_utf8_lossy(tag.name().as_ref()).into_owned());
                text.clear();
            }
            Event::Text(part) => text.push_str(&part.decode()?),
            Event::GeneralRef(entity) => {
                let entity = entity.decode()?;
                if let Some(known) = quick_xml::escape::resolve_predefined_entity(&entity) {
                    text.push_str(known);
                }
            }
            Event::End(_) => {
                let tag = at.pop().unwrap_or_default();
                let within = at.last().map_or("", String::as_str);
                match (within, &*tag) {
                    (_, "Name") => name.clone_from(&text),
                    (_, "Last-Modified") => written = moment(&text),
                    ("Blobs", "BlobPrefix") => found.folders.push(std::mem::take(&mut name)),
                    ("Blobs", "Blob") => {
                        found.objects.extend(written.take().map(|written| Stored {
                            name: std::mem::take(&mut name),
                            written,
                        }));
                    }
                    (_, "NextMarker") => marker.clone_from(&text),
                    _ => {}
                }
                text.clear();
            }
            Event::Eof => return Ok(marker),
            _ => {}
        }
    }
}

/// `Sat, 31 Jan 2026 02:00:00 GMT`
fn moment(text: &str) -> Option<Timestamp> {
    let moment = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(Timestamp(moment.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_blobs_are_read_from_a_page() {
        let page = "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ContainerName=\"c\"><Blobs>\
            <Blob><Name>a/x &amp; y</Name><Properties><Last-Modified>Sat, 31 Jan 2026 02:00:00 GMT</Last-Modified></Properties></Blob>\
            <BlobPrefix><Name>a/b/</Name></BlobPrefix></Blobs><NextMarker>2!x</NextMarker></EnumerationResults>";
        let mut found = Folder::default();
        let marker = read(page, &mut found).expect("is read");
        assert_eq!(marker, "2!x");
        assert_eq!(found.folders, ["a/b/"]);
        let noon: jiff::Timestamp = "2026-01-31T02:00:00Z".parse().expect("a moment");
        let stored = Stored {
            name: "a/x & y".to_owned(),
            written: Timestamp(noon.as_millisecond()),
        };
        assert_eq!(found.objects, [stored]);
        assert_eq!(within("c", found.clone()).folders, ["c/a/b/"]);
        let last = "<EnumerationResults><Blobs/><NextMarker/></EnumerationResults>";
        assert_eq!(read(last, &mut found).expect("is read"), "");
    }
}
