//! Bodies as the SDKs send them: plain or in `aws-chunked` pieces with checksums after them. Checksums that the
//! request names are verified; signatures are not.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use sha2::{Digest, Sha256};

use crate::aws::error::{AwsError, AwsResult};
use crate::http::HttpRequest;

/// The body of a request, out of its pieces, verified.
pub(super) fn read(http: &HttpRequest) -> AwsResult<Vec<u8>> {
    Ok(read_with_checksum(http)?.0)
}

/// A checksum that came with a body: the header's name and its value.
pub(super) type Checksum = (String, String);

/// The body and the checksum that came with it.
pub(super) fn read_with_checksum(http: &HttpRequest) -> AwsResult<(Vec<u8>, Option<Checksum>)> {
    let chunked = http
        .header("content-encoding")
        .is_some_and(|value| value.contains("aws-chunked"))
        || http
            .header("x-amz-content-sha256")
            .is_some_and(|value| value.starts_with("STREAMING-"));
    let (body, trailers) = if chunked {
        unchunk(&http.body).ok_or_else(|| {
            AwsError::new("IncompleteBody", "The request body terminated unexpectedly")
        })?
    } else {
        (http.body.clone(), Vec::new())
    };
    if let Some(expected) = http.header("content-md5")
        && STANDARD.encode(Md5::digest(&body)) != expected
    {
        return Err(bad_digest("Content-MD5"));
    }
    let headers = ALGORITHMS.iter().filter_map(|algorithm| {
        let name = format!("x-amz-checksum-{algorithm}");
        let value = http.header(&name)?.to_owned();
        Some((name, value))
    });
    let checksum = headers
        .chain(trailers)
        .find(|(name, _)| name.starts_with("x-amz-checksum-"));
    if let Some((name, value)) = &checksum
        && compute(name, &body).is_some_and(|computed| computed != *value)
    {
        return Err(bad_digest(name));
    }
    Ok((body, checksum))
}

const ALGORITHMS: [&str; 5] = ["crc32", "crc32c", "crc64nvme", "sha1", "sha256"];

fn bad_digest(name: &str) -> AwsError {
    AwsError::new(
        "BadDigest",
        format!("The {name} you specified did not match what we received."),
    )
}

/// The checksum of the algorithm that a header names, for those verified here.
fn compute(header: &str, body: &[u8]) -> Option<String> {
    match header.strip_prefix("x-amz-checksum-")? {
        "crc32" => Some(STANDARD.encode(crc32(body, 0xedb8_8320).to_be_bytes())),
        "crc32c" => Some(STANDARD.encode(crc32(body, 0x82f6_3b78).to_be_bytes())),
        "sha256" => Some(STANDARD.encode(Sha256::digest(body))),
        _ => None,
    }
}

fn crc32(body: &[u8], polynomial: u32) -> u32 {
    !body.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 {
                (crc >> 1) ^ polynomial
            } else {
                crc >> 1
            }
        })
    })
}

/// Joins `size[;extensions]\r\n data \r\n … 0\r\n trailers`.
fn unchunk(mut rest: &[u8]) -> Option<(Vec<u8>, Vec<Checksum>)> {
    let mut body = Vec::new();
    loop {
        let line = take_line(&mut rest)?;
        let size = line.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            break;
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
    let mut trailers = Vec::new();
    while let Some(line) = take_line(&mut rest) {
        if let Some((name, value)) = line.split_once(':') {
            trailers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    Some((body, trailers))
}

fn take_line<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
    let line = std::str::from_utf8(&rest[..end]).ok()?;
    *rest = &rest[end + 2..];
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined_and_checked() {
        let mut request = crate::core::blank();
        request
            .headers
            .insert("content-encoding", "aws-chunked".parse().expect("a header"));
        request.body =
            b"5;chunk-signature=0\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n".to_vec();
        let (body, checksum) = read_with_checksum(&request).expect("well-formed");
        assert_eq!(body, b"hello");
        assert_eq!(
            checksum,
            Some(("x-amz-checksum-crc32".into(), "NhCmhg==".into()))
        );
        request.body = b"5\r\nhellO\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n".to_vec();
        assert_eq!(read(&request).expect_err("wrong sum").code, "BadDigest");
        request.body = b"9\r\nhello".to_vec();
        assert_eq!(read(&request).expect_err("cut off").code, "IncompleteBody");
    }
}
