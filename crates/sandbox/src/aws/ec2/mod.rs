//! EC2 as far as networks need it: one file per type of resource, each with its table of operations. What the
//! types share on the wire (filters, tags, pages) is in `common`.

mod common;
pub(crate) mod vpc;

use super::query::{QueryService, Style};

/// The service.
pub(super) const SERVICE: QueryService =
    QueryService { style: Style::Ec2, namespace: "http://ec2.amazonaws.com/doc/2016-11-15/", operations: &[vpc::OPERATIONS] };
