//! Character encodings by their IANA names.

use super::code_pages;
use encoding_rs::Encoding;

/// An encoding that text can be written in.
pub(super) enum TextEncoding {
    /// The first so many characters of Unicode, one byte each.
    Bytes(u32),
    Utf8,
    Utf16 {
        little: bool,
        mark: bool,
    },
    /// ASCII and these.
    Page(&'static str),
    Table(&'static Encoding),
}

/// The encoding of a name.
pub(super) fn find(name: &str) -> Option<TextEncoding> {
    Some(match name.to_ascii_lowercase().as_str() {
        "us-ascii" | "ascii" => TextEncoding::Bytes(0x80),
        "iso-8859-1" | "iso_8859-1" | "latin1" | "l1" | "ibm819" | "cp819" | "iso-ir-100" => {
            TextEncoding::Bytes(0x100)
        }
        "utf-8" | "utf8" => TextEncoding::Utf8,
        "utf-16" => TextEncoding::Utf16 {
            little: false,
            mark: true,
        },
        "utf-16be" => TextEncoding::Utf16 {
            little: false,
            mark: false,
        },
        "utf-16le" => TextEncoding::Utf16 {
            little: true,
            mark: false,
        },
        other => {
            if let Some(page) = code_pages::find(other) {
                return Some(TextEncoding::Page(page));
            }
            let encoding = Encoding::for_label_no_replacement(other.as_bytes())?;
            // The web writes UTF-16 as UTF-8.
            if encoding.output_encoding() != encoding {
                return None;
            }
            TextEncoding::Table(encoding)
        }
    })
}

impl TextEncoding {
    /// The bytes of a text; `None` when it has characters that the encoding lacks.
    pub(super) fn encode(&self, text: &str) -> Option<Vec<u8>> {
        match self {
            TextEncoding::Bytes(limit) => text
                .chars()
                .map(|c| u8::try_from(c).ok().filter(|b| u32::from(*b) < *limit))
                .collect(),
            TextEncoding::Page(page) => text
                .chars()
                .map(|c| match u8::try_from(c) {
                    Ok(byte) if byte.is_ascii() => Some(byte),
                    _ => u8::try_from(0x80 + page.chars().position(|own| own == c)?).ok(),
                })
                .collect(),
            TextEncoding::Utf8 => Some(text.as_bytes().to_vec()),
            TextEncoding::Utf16 { little, mark } => {
                let units = mark
                    .then_some(0xfeff)
                    .into_iter()
                    .chain(text.encode_utf16());
                Some(
                    units
                        .flat_map(|u: u16| {
                            if *little {
                                u.to_le_bytes()
                            } else {
                                u.to_be_bytes()
                            }
                        })
                        .collect(),
                )
            }
            TextEncoding::Table(encoding) => {
                let (bytes, _, failed) = encoding.encode(text);
                (!failed).then(|| bytes.into_owned())
            }
        }
    }

    /// The text of bytes; `None` when they mean none.
    pub(super) fn decode(&self, bytes: &[u8]) -> Option<String> {
        match self {
            TextEncoding::Bytes(limit) => bytes
                .iter()
                .map(|b| Some(char::from(*b)).filter(|c| u32::from(*c) < *limit))
                .collect(),
            TextEncoding::Page(page) => bytes
                .iter()
                .map(|byte| match byte.checked_sub(0x80) {
                    Some(upper) => page.chars().nth(usize::from(upper)),
                    None => Some(char::from(*byte)),
                })
                .collect(),
            TextEncoding::Utf8 => String::from_utf8(bytes.to_vec()).ok(),
            TextEncoding::Utf16 { little, mark } => {
                let (mut little, mut bytes) = (*little, bytes);
                if *mark {
                    match bytes {
                        [0xfe, 0xff, rest @ ..] => bytes = rest,
                        [0xff, 0xfe, rest @ ..] => (little, bytes) = (true, rest),
                        // Without a mark the order of the bytes is not known.
                        _ => return None,
                    }
                }
                let chunks = bytes.chunks_exact(2);
                if !chunks.remainder().is_empty() {
                    return None;
                }
                let units = chunks.map(|pair| {
                    let pair = [pair[0], pair[1]];
                    if little {
                        u16::from_le_bytes(pair)
                    } else {
                        u16::from_be_bytes(pair)
                    }
                });
                char::decode_utf16(units).collect::<Result<_, _>>().ok()
            }
            TextEncoding::Table(encoding) => encoding
                .decode_without_bom_handling_and_without_replacement(bytes)
                .map(std::borrow::Cow::into_owned),
        }
    }
}
