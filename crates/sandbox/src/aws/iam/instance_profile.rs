//! Instance profiles: what gives a role to instances. Each holds one role at most.

use serde::{Deserialize, Serialize};

use super::common::{
    already_exists, delete_conflict, limit_exceeded, name, no_such_entity, pages, path, require,
    tag_error, tags, write_page, write_tags,
};
use super::role::{self, Role};
use crate::aws::context::{Ctx, global_arn};
use crate::aws::error::AwsResult;
use crate::aws::query::{Operation, Params};
use crate::aws::xml::Xml;
use crate::clock::{Millis, iso8601};
use crate::world::{Document, Listed, Scope, Stored};

/// An instance profile.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct InstanceProfile {
    name: String,
    profile_id: String,
    path: String,
    role: Option<String>,
    created_at: Millis,
}

impl Document for InstanceProfile {
    const KIND: &'static str = "iam/instance-profile";
    const SCOPE: Scope = Scope::Global;

    fn id(&self) -> &str {
        &self.name
    }

    fn links(&self) -> Vec<String> {
        self.role.iter().cloned().collect()
    }

    fn listed(&self) -> Option<Listed> {
        Listed::aws("aws_iam_instance_profile")
    }
}

impl InstanceProfile {
    pub(super) fn arn(&self) -> String {
        let place = format!("instance-profile{}{}", self.path, self.name);
        global_arn("iam", &place)
    }
}

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateInstanceProfile",
        accepts: &["InstanceProfileName", "Path", "Tags.Key", "Tags.Value"],
        handler: create,
    },
    Operation {
        name: "GetInstanceProfile",
        accepts: &["InstanceProfileName"],
        handler: get,
    },
    Operation {
        name: "DeleteInstanceProfile",
        accepts: &["InstanceProfileName"],
        handler: delete,
    },
    Operation {
        name: "AddRoleToInstanceProfile",
        accepts: &["InstanceProfileName", "RoleName"],
        handler: add_role,
    },
    Operation {
        name: "RemoveRoleFromInstanceProfile",
        accepts: &["InstanceProfileName", "RoleName"],
        handler: remove_role,
    },
    Operation {
        name: "ListInstanceProfiles",
        accepts: &["PathPrefix", "Marker", "MaxItems"],
        handler: list,
    },
    Operation {
        name: "ListInstanceProfilesForRole",
        accepts: &["RoleName", "Marker", "MaxItems"],
        handler: list_for_role,
    },
    Operation {
        name: "TagInstanceProfile",
        accepts: &["InstanceProfileName", "Tags.Key", "Tags.Value"],
        handler: tag,
    },
    Operation {
        name: "UntagInstanceProfile",
        accepts: &["InstanceProfileName", "TagKeys"],
        handler: untag,
    },
];

fn find(ctx: &Ctx<'_>, params: &Params) -> AwsResult<Stored<InstanceProfile>> {
    let name = require(params, "InstanceProfileName")?;
    ctx.get::<InstanceProfile>(name)
        .ok_or_else(|| no_such_entity(format!("Instance Profile {name} cannot be found.")))
}

fn create(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let name = name(params, "InstanceProfileName", 128)?;
    let tags = tags(params)?;
    if ctx.exists::<InstanceProfile>(name) {
        return Err(already_exists(format!(
            "Instance Profile {name} already exists."
        )));
    }
    let profile = InstanceProfile {
        name: name.to_owned(),
        profile_id: ctx.new_unique_id("AIPA"),
        path: path(params)?,
        role: None,
        created_at: ctx.now,
    };
    ctx.put_tagged(profile, tags);
    get(ctx, params)
}

fn get(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let profile = find(ctx, params)?;
    let mut xml = Xml::new();
    xml.node("InstanceProfile", |xml| write(xml, ctx, &profile));
    Ok(xml)
}

pub(super) fn write(xml: &mut Xml, ctx: &Ctx<'_>, profile: &Stored<InstanceProfile>) {
    let role = profile
        .role
        .as_deref()
        .and_then(|name| ctx.get::<Role>(name));
    xml.text("Path", &profile.path)
        .text("InstanceProfileName", &profile.name)
        .text("InstanceProfileId", &profile.profile_id)
        .text("Arn", profile.arn())
        .text("CreateDate", iso8601(profile.created_at))
        .list("Roles", "member", &role, |xml, role| {
            role::write(xml, role, false);
        });
    write_tags(xml, profile.tags());
}

fn delete(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let profile = find(ctx, params)?;
    if profile.role.is_some() {
        return Err(delete_conflict(
            "Cannot delete entity, must remove roles from instance profile first.",
        ));
    }
    ctx.delete::<InstanceProfile>(&profile.name);
    Ok(Xml::new())
}

fn add_role(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let profile = find(ctx, params)?;
    let role = role::find(ctx, params)?;
    if profile.role.is_some() {
        return Err(limit_exceeded(
            "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1",
        ));
    }
    ctx.put(InstanceProfile {
        role: Some(role.name.clone()),
        ..profile.edit()
    });
    Ok(Xml::new())
}

fn remove_role(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let profile = find(ctx, params)?;
    let role = require(params, "RoleName")?;
    if profile.role.as_deref() != Some(role) {
        return Err(no_such_entity(format!(
            "Role {role} in instance profile {} cannot be found.",
            profile.name
        )));
    }
    ctx.put(InstanceProfile {
        role: None,
        ..profile.edit()
    });
    Ok(Xml::new())
}

fn list(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let prefix = params.str("PathPrefix").unwrap_or("/");
    let mut profiles = ctx.list::<InstanceProfile>();
    profiles.retain(|profile| profile.path.starts_with(prefix));
    write_list(ctx, profiles, params)
}

fn list_for_role(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let role = role::find(ctx, params)?;
    let profiles = ctx.referrers::<InstanceProfile>(&role.name);
    write_list(ctx, profiles, params)
}

fn write_list(
    ctx: &Ctx<'_>,
    profiles: Vec<Stored<InstanceProfile>>,
    params: &Params,
) -> AwsResult<Xml> {
    let page = pages(profiles, |profile| &profile.name, params)?;
    let mut xml = Xml::new();
    xml.list("InstanceProfiles", "member", &page.items, |xml, profile| {
        write(xml, ctx, profile);
    });
    write_page(&mut xml, page.next);
    Ok(xml)
}

fn tag(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let profile = find(ctx, params)?;
    let mut merged = profile.tags().clone();
    merged.merge(tags(params)?).map_err(tag_error)?;
    ctx.set_tags::<InstanceProfile>(&profile.name, merged);
    Ok(Xml::new())
}

fn untag(ctx: &mut Ctx<'_>, params: &Params) -> AwsResult<Xml> {
    let profile = find(ctx, params)?;
    let mut left = profile.tags().clone();
    for key in params.strings("TagKeys") {
        left.remove(key);
    }
    ctx.set_tags::<InstanceProfile>(&profile.name, left);
    Ok(Xml::new())
}
