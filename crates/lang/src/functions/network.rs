//! Arithmetic on IP prefixes.

use super::string::text;
use super::{Call, FunctionError, Outcome, bad, failed};
use infra_model::Value;
use std::net::{Ipv4Addr, Ipv6Addr};

/// An IP prefix: its first address as a number, its length, and the bits of an address.
#[derive(Clone, Copy)]
struct Prefix {
    first: u128,
    length: u32,
    bits: u32,
}

impl Prefix {
    fn parse(source: &str) -> Option<Prefix> {
        let (address, length) = source.split_once('/')?;
        let (address, bits) = if address.contains(':') {
            (address.parse::<Ipv6Addr>().ok()?.to_bits(), 128)
        } else {
            (v4(address)?, 32)
        };
        if length.is_empty() || length.len() > 3 || !length.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let length = length.parse().ok().filter(|l| *l <= bits)?;
        let host = Prefix {
            first: 0,
            length,
            bits,
        }
        .host_mask();
        Some(Prefix {
            first: address & !host,
            length,
            bits,
        })
    }

    /// Ones where the host part is.
    fn host_mask(self) -> u128 {
        1u128
            .checked_shl(self.bits - self.length)
            .map_or(u128::MAX, |size| size - 1)
    }

    fn last(self) -> u128 {
        self.first | self.host_mask()
    }

    fn address(self, address: u128) -> String {
        if self.bits == 128 {
            let address = Ipv6Addr::from_bits(address);
            match address.to_ipv4_mapped() {
                Some(mapped) => mapped.to_string(),
                None => address.to_string(),
            }
        } else {
            Ipv4Addr::from_bits(u32::try_from(address).expect("IPv4 addresses have 32 bits"))
                .to_string()
        }
    }

    fn show(self) -> String {
        format!("{}/{}", self.address(self.first), self.length)
    }
}

/// Four decimal numbers; zeros before them mean nothing.
fn v4(address: &str) -> Option<u128> {
    let parts: Vec<&str> = address.split('.').collect();
    if parts.len() != 4 {
        return None;
    }
    parts.iter().try_fold(0u128, |sum, part| {
        let ok = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let value = part.parse::<u8>().ok().filter(|_| ok)?;
        Some(sum << 8 | u128::from(value))
    })
}

fn prefix(call: &Call<'_>) -> Result<Prefix, FunctionError> {
    match Prefix::parse(call.text(0)) {
        Some(prefix) => Ok(prefix),
        None => bad(
            0,
            format!("{:?} is not an IP prefix such as 10.0.0.0/16", call.text(0)),
        ),
    }
}

/// A whole number of any size up to 128 bits, with its sign.
fn whole(call: &Call<'_>, index: usize) -> Result<(bool, u128), FunctionError> {
    let Some(n) = call.number(index).to_integer() else {
        return bad(index, "a whole number is required");
    };
    let (sign, magnitude) = n.into_parts();
    match u128::try_from(magnitude) {
        Ok(magnitude) => Ok((sign == dashu_int::Sign::Negative, magnitude)),
        Err(_) => bad(index, "the number is too great"),
    }
}

pub(super) fn cidrhost(call: &Call<'_>) -> Outcome {
    let prefix = prefix(call)?;
    let (negative, number) = whole(call, 1)?;
    let mask = prefix.host_mask();
    let offset = if negative {
        // -1 is the last address.
        number
            .checked_sub(1)
            .filter(|n| *n <= mask)
            .map(|n| mask - n)
    } else {
        Some(number).filter(|n| *n <= mask)
    };
    match offset {
        Some(offset) => text(prefix.address(prefix.first | offset)),
        None => bad(
            1,
            format!("a prefix of length {} has no such host", prefix.length),
        ),
    }
}

pub(super) fn cidrnetmask(call: &Call<'_>) -> Outcome {
    let prefix = prefix(call)?;
    if prefix.bits == 128 {
        return bad(0, "IPv6 prefixes have no netmask");
    }
    text(prefix.address(prefix.host_mask() ^ u128::from(u32::MAX)))
}

/// The length of a prefix with so many more bits.
fn extended(base: Prefix, newbits: i64, argument: usize) -> Result<u32, FunctionError> {
    match u32::try_from(newbits)
        .ok()
        .and_then(|n| base.length.checked_add(n))
        .filter(|l| *l <= base.bits)
    {
        Some(length) => Ok(length),
        None if newbits < 0 => bad(argument, "must not be negative"),
        None => bad(
            argument,
            format!(
                "a prefix of length {} has no room for {newbits} more bits",
                base.length
            ),
        ),
    }
}

pub(super) fn cidrsubnet(call: &Call<'_>) -> Outcome {
    let base = prefix(call)?;
    let length = extended(base, call.integer(1)?, 1)?;
    let (negative, number) = whole(call, 2)?;
    let newbits = length - base.length;
    let count_mask = 1u128.checked_shl(newbits).map_or(u128::MAX, |n| n - 1);
    let number = Some(number).filter(|n| !negative && *n <= count_mask);
    let Some(number) = number else {
        return bad(
            2,
            format!("there are only 2^{newbits} subnets with {newbits} more bits"),
        );
    };
    let shifted = number.checked_shl(base.bits - length).unwrap_or(0);
    text(
        Prefix {
            first: base.first | shifted,
            length,
            bits: base.bits,
        }
        .show(),
    )
}

pub(super) fn cidrsubnets(call: &Call<'_>) -> Outcome {
    let base = prefix(call)?;
    let mut next = Some(base.first);
    let mut subnets = Vec::new();
    for argument in 1..call.arguments.len() {
        let newbits = call.integer(argument)?;
        if newbits < 1 {
            return bad(argument, "a subnet needs at least one more bit");
        }
        if newbits > 32 {
            return bad(argument, "no more than 32 bits can be added at once");
        }
        let length = extended(base, newbits, argument)?;
        let mut subnet = Prefix {
            first: 0,
            length,
            bits: base.bits,
        };
        // The first free address that a subnet of this size can begin at.
        let mask = subnet.host_mask();
        let start = next.and_then(|n| n.checked_add(mask)).map(|n| n & !mask);
        let Some(start) = start.filter(|s| s | mask <= base.last()) else {
            return bad(
                argument,
                format!("there is no room left for a subnet with {newbits} more bits"),
            );
        };
        subnet.first = start;
        next = subnet.last().checked_add(1);
        subnets.push(subnet.show());
    }
    if next.is_none() && subnets.is_empty() {
        return failed("the prefix has no addresses");
    }
    Ok(Value::strings(subnets))
}
