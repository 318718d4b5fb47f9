//! EC2 Auto Scaling: what is tied to groups. The groups themselves are EKS' here.

pub(crate) mod attachment;
