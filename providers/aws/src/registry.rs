//! Every type of the provider, one line each.

use crate::client::Client;
use crate::{
    acm, autoscaling, cloudcontrol, data, ec2, ecr, eks, elbv2, iam, kms, logs, rds, route53, s3,
    secretsmanager,
};
use infra_model::resource::{DynDataSource, DynResource, Typed};

/// Managed types.
pub(crate) fn resources() -> Vec<Box<dyn DynResource<Client>>> {
    vec![
        // --- EC2 ---
        Typed::<ec2::egress_only_internet_gateway::EgressOnlyInternetGateway>::register(),
        Typed::<ec2::eip::Eip>::register(),
        Typed::<ec2::internet_gateway::InternetGateway>::register(),
        Typed::<ec2::nat_gateway::NatGateway>::register(),
        Typed::<ec2::default_security_group::DefaultSecurityGroup>::register(),
        Typed::<ec2::flow_log::FlowLog>::register(),
        Typed::<ec2::security_group_rule::SecurityGroupRule<ec2::security_group_rule::In>>::register(),
        Typed::<ec2::security_group_rule::SecurityGroupRule<ec2::security_group_rule::Out>>::register(),
        Typed::<ec2::launch_template::LaunchTemplate>::register(),
        Typed::<ec2::route::Route>::register(),
        Typed::<ec2::route_table::RouteTable>::register(),
        Typed::<ec2::route_table_association::RouteTableAssociation>::register(),
        Typed::<ec2::security_group::SecurityGroup>::register(),
        Typed::<ec2::subnet::Subnet>::register(),
        Typed::<ec2::vpc::Vpc>::register(),
        Typed::<ec2::vpc_endpoint::VpcEndpoint>::register(),
        // --- ECR ---
        Typed::<ecr::lifecycle_policy::LifecyclePolicy>::register(),
        Typed::<ecr::repository::Repository>::register(),
        // --- EKS ---
        Typed::<eks::access_entry::AccessEntry>::register(),
        Typed::<eks::access_policy_association::PolicyAssociation>::register(),
        Typed::<eks::addon::Addon>::register(),
        Typed::<eks::cluster::Cluster>::register(),
        Typed::<eks::node_group::NodeGroup>::register(),
        Typed::<eks::pod_identity_association::PodIdentity>::register(),
        // --- Auto Scaling ---
        Typed::<autoscaling::attachment::Attachment>::register(),
        // --- any other type ---
        Typed::<cloudcontrol::CloudControl>::register(),
        // --- Elastic Load Balancing ---
        Typed::<elbv2::listener::Listener>::register(),
        Typed::<elbv2::listener_rule::ListenerRule>::register(),
        Typed::<elbv2::load_balancer::LoadBalancer>::register(),
        Typed::<elbv2::target_group::TargetGroup>::register(),
        // --- IAM ---
        Typed::<iam::openid_connect_provider::OpenIdConnectProvider>::register(),
        Typed::<iam::policy::Policy>::register(),
        Typed::<iam::role::Role>::register(),
        Typed::<iam::role_policy::RolePolicy>::register(),
        Typed::<iam::role_policy_attachment::RolePolicyAttachment>::register(),
        // --- KMS ---
        Typed::<kms::alias::Alias>::register(),
        Typed::<kms::key::Key>::register(),
        // --- CloudWatch Logs ---
        Typed::<logs::log_group::LogGroup>::register(),
        // --- RDS ---
        Typed::<rds::instance::Instance>::register(),
        Typed::<rds::parameter_group::ParameterGroup>::register(),
        Typed::<rds::subnet_group::SubnetGroup>::register(),
        // --- Secrets Manager ---
        Typed::<secretsmanager::secret::Secret>::register(),
        Typed::<secretsmanager::version::Version>::register(),
        // --- S3 ---
        Typed::<s3::bucket::Bucket>::register(),
        Typed::<s3::Encryption>::register(),
        Typed::<s3::Lifecycle>::register(),
        Typed::<s3::Policy>::register(),
        Typed::<s3::PublicAccessBlock>::register(),
        Typed::<s3::Versioning>::register(),
        // --- Route 53 ---
        Typed::<route53::record::Record53>::register(),
        Typed::<route53::zone::Zone>::register(),
        // --- Certificate Manager ---
        Typed::<acm::certificate::Certificate>::register(),
        Typed::<acm::validation::Validation>::register(),
    ]
}

/// Data sources.
pub(crate) fn data() -> Vec<Box<dyn DynDataSource<Client>>> {
    vec![
        // --- account and region ---
        Typed::<data::availability_zones::AvailabilityZones>::register_data(),
        Typed::<data::caller_identity::CallerIdentity>::register_data(),
        Typed::<data::iam_policy_document::PolicyDocument>::register_data(),
        Typed::<data::partition::Partition>::register_data(),
        Typed::<data::region::Region>::register_data(),
        Typed::<data::subnets::Subnets>::register_data(),
        Typed::<data::vpc::Vpc>::register_data(),
        // --- images and parameters ---
        Typed::<data::ami::Ami>::register_data(),
        Typed::<data::ssm_parameter::Parameter>::register_data(),
        // --- EKS ---
        Typed::<data::eks_cluster::Cluster>::register_data(),
        Typed::<data::eks_cluster_auth::ClusterAuth>::register_data(),
        // --- Route 53 ---
        Typed::<data::route53_zone::Zone>::register_data(),
    ]
}

#[cfg(test)]
mod tests {
    use crate::provider;
    use infra_model::json::from_json;
    use infra_model::{Attribute, PlanRequest};
    use serde_json::{Map, json};

    /// An imported object has its name from nobody's prefix.
    #[test]
    fn every_type_takes_over_a_name_that_begins_with_its_prefix() {
        let aws = provider();
        let mut tried = 0;
        for (name, schema) in &aws.schema().resources {
            let attributes = &schema.block.attributes;
            let made_up = |attribute: &&str| {
                let named = attribute
                    .strip_suffix("_prefix")
                    .and_then(|n| attributes.get(n));
                named.is_some_and(|named| named.force_new && named.computed)
            };
            let all = attributes.iter();
            let all = all.filter(|(_, a): &(_, &Attribute)| a.optional && a.force_new);
            for prefix in all.map(|(name, _)| &**name).filter(made_up) {
                let named = prefix.trim_end_matches("_prefix");
                let of = |pairs: [(&str, &str); 1]| {
                    let pairs = pairs.map(|(k, v)| (k.to_owned(), json!(v)));
                    let json = serde_json::Value::Object(Map::from_iter(pairs));
                    from_json(&json, &schema.block.implied_type()).expect("fits")
                };
                let config = of([(prefix, "alias/web-")]);
                // Whether the name is what an object with this one is replaced for.
                let replaced_with = |there: &str| {
                    let prior = of([(named, there)]);
                    let planned = aws.plan(&PlanRequest {
                        type_name: name,
                        prior: Some(&prior),
                        config: &config,
                        private: None,
                        provider: None,
                    });
                    let replace = planned.expect("plans").replace;
                    replace.iter().any(|path| path.to_string().contains(named))
                };
                assert!(!replaced_with("alias/web-frontend"), "{name}");
                assert!(replaced_with("alias/api"), "{name}");
                tried += 1;
            }
        }
        assert!(tried >= 14, "{tried} types with names that are made up");
    }
}
