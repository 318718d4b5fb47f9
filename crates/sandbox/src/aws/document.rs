//! XML documents that S3 and Route 53 take: elements with text or elements inside; namespaces and attributes are dropped,
//! except the `xsi:type` of grantees.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::aws::xml::Xml;

/// An element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) text: String,
    /// The type of a grantee.
    pub(crate) kind: Option<String>,
    pub(crate) children: Vec<Element>,
}

impl Element {
    /// An element that holds text.
    pub(crate) fn leaf(name: &str, text: &str) -> Self {
        Self {
            name: name.to_owned(),
            text: text.to_owned(),
            ..Self::default()
        }
    }

    /// Reads a document; `None` when it is not well-formed.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut reader = Reader::from_str(text);
        let mut open: Vec<Self> = Vec::new();
        let mut root = None;
        loop {
            let closed = match reader.read_event().ok()? {
                Event::Start(start) => {
                    open.push(Self::begin(&start)?);
                    None
                }
                Event::Empty(start) => Some(Self::begin(&start)?),
                Event::End(_) => open.pop(),
                Event::Text(text) => {
                    if let Some(element) = open.last_mut() {
                        element.text.push_str(&text.decode().ok()?);
                    }
                    None
                }
                Event::CData(data) => {
                    if let Some(element) = open.last_mut() {
                        element.text.push_str(&data.decode().ok()?);
                    }
                    None
                }
                Event::GeneralRef(reference) => {
                    let name = reference.decode().ok()?;
                    let resolved = match reference.resolve_char_ref().ok()? {
                        Some(c) => c.to_string(),
                        None => quick_xml::escape::resolve_predefined_entity(&name)?.to_owned(),
                    };
                    open.last_mut()?.text.push_str(&resolved);
                    None
                }
                Event::Eof => break,
                _ => None,
            };
            let Some(mut element) = closed else { continue };
            if !element.children.is_empty() {
                element.text.clear();
            }
            match open.last_mut() {
                Some(parent) => parent.children.push(element),
                None if root.is_none() => root = Some(element),
                None => return None,
            }
        }
        root.filter(|_| open.is_empty())
    }

    fn begin(start: &BytesStart<'_>) -> Option<Self> {
        let local = start.local_name();
        let name = std::str::from_utf8(local.as_ref()).ok()?.to_owned();
        let kind = start
            .attributes()
            .flatten()
            .find(|attribute| attribute.key.local_name().as_ref() == b"type")
            .and_then(|attribute| {
                attribute
                    .unescape_value()
                    .ok()
                    .map(std::borrow::Cow::into_owned)
            });
        Some(Self {
            name,
            kind,
            ..Self::default()
        })
    }

    /// The first child of a name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// All children of a name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of a child.
    pub(crate) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.trim())
    }

    /// Whether all children have one of these names.
    pub(crate) fn only(&self, names: &[&str]) -> bool {
        self.children
            .iter()
            .all(|child| names.contains(&child.name.as_str()))
    }

    /// Writes what is inside.
    pub(crate) fn inside(&self, xml: &mut Xml) {
        if self.children.is_empty() {
            let text = self.text.clone();
            xml.escaped(&text);
        }
        for child in &self.children {
            match &child.kind {
                Some(kind) => {
                    xml.raw(&format!(
                        "<{} xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"{kind}\">",
                        child.name
                    ));
                    child.inside(xml);
                    xml.raw(&format!("</{}>", child.name));
                }
                None => {
                    xml.node(&child.name, |xml| child.inside(xml));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_come_back_as_they_were() {
        let text = "<?xml version=\"1.0\"?><Tagging xmlns=\"x\"><TagSet>\n<Tag><Key>a &amp; b</Key><Value/></Tag></TagSet></Tagging>";
        let element = Element::parse(text.as_bytes()).expect("well-formed");
        let tag = element
            .child("TagSet")
            .and_then(|set| set.child("Tag"))
            .expect("a tag");
        assert_eq!(tag.text_of("Key"), Some("a & b"));
        let mut xml = Xml::new();
        element.inside(&mut xml);
        assert_eq!(
            xml.as_str(),
            "<TagSet><Tag><Key>a &amp; b</Key><Value></Value></Tag></TagSet>"
        );
        assert_eq!(Element::parse(b"<a><b></a>"), None);
        assert_eq!(Element::parse(b""), None);
    }
}
