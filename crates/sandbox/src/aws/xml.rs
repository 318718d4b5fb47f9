//! Writes XML answers. Only elements and text: AWS's answers have little else.

use std::fmt::{Display, Write};

/// XML under construction; elements are written in order.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Xml {
    text: String,
}

impl Xml {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The usual answer of an EC2 operation that has nothing to say.
    pub(crate) fn done() -> Self {
        let mut xml = Self::new();
        xml.text("return", true);
        xml
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// `<name>value</name>`.
    pub(crate) fn text(&mut self, name: &str, value: impl Display) -> &mut Self {
        let _ = write!(self.text, "<{name}>");
        let _ = write!(Escape(&mut self.text), "{value}");
        let _ = write!(self.text, "</{name}>");
        self
    }

    /// The element, when there is a value.
    pub(crate) fn opt(&mut self, name: &str, value: Option<impl Display>) -> &mut Self {
        if let Some(value) = value {
            self.text(name, value);
        }
        self
    }

    /// An element with others inside.
    pub(crate) fn node(&mut self, name: &str, inside: impl FnOnce(&mut Self)) -> &mut Self {
        let _ = write!(self.text, "<{name}>");
        inside(self);
        let _ = write!(self.text, "</{name}>");
        self
    }

    /// `<outer><inner>…</inner>…</outer>`, also when there are no items.
    pub(crate) fn list<T>(
        &mut self,
        outer: &str,
        inner: &str,
        items: impl IntoIterator<Item = T>,
        mut each: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        self.node(outer, |xml| {
            for item in items {
                xml.node(inner, |xml| each(xml, item));
            }
        })
    }

    /// A list of plain values.
    pub(crate) fn texts<T: Display>(
        &mut self,
        outer: &str,
        inner: &str,
        items: impl IntoIterator<Item = T>,
    ) -> &mut Self {
        self.node(outer, |xml| {
            for item in items {
                xml.text(inner, item);
            }
        })
    }

    /// Text by itself.
    pub(crate) fn escaped(&mut self, text: &str) -> &mut Self {
        let _ = write!(Escape(&mut self.text), "{text}");
        self
    }

    /// Text that is XML already.
    pub(crate) fn raw(&mut self, xml: &str) -> &mut Self {
        self.text.push_str(xml);
        self
    }
}

struct Escape<'a>(&'a mut String);

impl Write for Escape<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for c in text.chars() {
            match c {
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '&' => self.0.push_str("&amp;"),
                '"' => self.0.push_str("&quot;"),
                '\r' => self.0.push_str("&#13;"),
                c => self.0.push(c),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_lists_may_be_empty() {
        let mut xml = Xml::new();
        xml.text("a", "x<&>\"")
            .opt("b", None::<&str>)
            .texts("c", "d", [1, 2]);
        xml.list("e", "f", [0; 0], |_, _| {});
        assert_eq!(
            xml.as_str(),
            "<a>x&lt;&amp;&gt;&quot;</a><c><d>1</d><d>2</d></c><e></e>"
        );
    }
}
