//! Certificate Manager: certificates, and waiting until they are issued. One file a type.

pub(crate) mod certificate;
mod certificate_view;
pub(crate) mod validation;
