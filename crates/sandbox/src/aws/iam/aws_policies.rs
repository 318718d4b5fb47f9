//! The policies that AWS manages and that clusters, nodes, databases and their add-ons use. Their documents stand
//! for AWS's own, which change at AWS's will: they name the services, not every action.

/// Path and name, and the actions that the document allows.
pub(super) const POLICIES: &[(&str, &[&str])] = &[
    ("AdministratorAccess", &["*"]),
    ("AmazonEC2ContainerRegistryPowerUser", &["ecr:*"]),
    (
        "AmazonEC2ContainerRegistryPullOnly",
        &[
            "ecr:GetAuthorizationToken",
            "ecr:BatchGetImage",
            "ecr:GetDownloadUrlForLayer",
        ],
    ),
    (
        "AmazonEC2ContainerRegistryReadOnly",
        &["ecr:Get*", "ecr:List*", "ecr:Describe*", "ecr:Batch*"],
    ),
    ("AmazonEC2ReadOnlyAccess", &["ec2:Describe*"]),
    ("AmazonEKSBlockStoragePolicy", &["ec2:*"]),
    (
        "AmazonEKSClusterPolicy",
        &[
            "autoscaling:*",
            "ec2:*",
            "elasticloadbalancing:*",
            "kms:DescribeKey",
        ],
    ),
    ("AmazonEKSComputePolicy", &["ec2:*", "iam:PassRole"]),
    ("AmazonEKSFargatePodExecutionRolePolicy", &["ecr:*"]),
    (
        "AmazonEKSLoadBalancingPolicy",
        &["ec2:*", "elasticloadbalancing:*"],
    ),
    ("AmazonEKSNetworkingPolicy", &["ec2:*"]),
    ("AmazonEKSServicePolicy", &["ec2:*", "eks:*"]),
    ("AmazonEKSVPCResourceController", &["ec2:*"]),
    (
        "AmazonEKSWorkerNodeMinimalPolicy",
        &["eks-auth:AssumeRoleForPodIdentity", "ec2:Describe*"],
    ),
    (
        "AmazonEKSWorkerNodePolicy",
        &["ec2:Describe*", "eks:DescribeCluster"],
    ),
    ("AmazonEKS_CNI_Policy", &["ec2:*"]),
    ("AmazonRDSFullAccess", &["rds:*"]),
    ("AmazonRDSReadOnlyAccess", &["rds:Describe*"]),
    ("AmazonRoute53FullAccess", &["route53:*"]),
    ("AmazonS3FullAccess", &["s3:*"]),
    ("AmazonS3ReadOnlyAccess", &["s3:Get*", "s3:List*"]),
    (
        "AmazonSSMManagedInstanceCore",
        &["ssm:*", "ssmmessages:*", "ec2messages:*"],
    ),
    ("AmazonVPCFullAccess", &["ec2:*"]),
    ("AutoScalingFullAccess", &["autoscaling:*"]),
    (
        "CloudWatchAgentServerPolicy",
        &["cloudwatch:PutMetricData", "logs:*"],
    ),
    ("CloudWatchFullAccess", &["cloudwatch:*", "logs:*"]),
    ("CloudWatchLogsFullAccess", &["logs:*"]),
    (
        "ElasticLoadBalancingFullAccess",
        &["elasticloadbalancing:*"],
    ),
    ("IAMFullAccess", &["iam:*"]),
    ("IAMReadOnlyAccess", &["iam:Get*", "iam:List*"]),
    ("PowerUserAccess", &["*"]),
    (
        "ReadOnlyAccess",
        &[
            "ec2:Describe*",
            "s3:Get*",
            "s3:List*",
            "iam:Get*",
            "iam:List*",
        ],
    ),
    ("SecretsManagerReadWrite", &["secretsmanager:*"]),
    ("SecurityAudit", &["iam:Get*", "iam:List*"]),
    ("ViewOnlyAccess", &["ec2:Describe*", "s3:List*"]),
    ("service-role/AWSLambdaBasicExecutionRole", &["logs:*"]),
    ("service-role/AmazonEBSCSIDriverPolicy", &["ec2:*"]),
    (
        "service-role/AmazonEC2ContainerServiceforEC2Role",
        &["ecs:*", "ecr:*", "logs:*"],
    ),
    (
        "service-role/AmazonECSTaskExecutionRolePolicy",
        &["ecr:*", "logs:*"],
    ),
    (
        "service-role/AmazonEFSCSIDriverPolicy",
        &["elasticfilesystem:*"],
    ),
    ("service-role/AmazonRDSEnhancedMonitoringRole", &["logs:*"]),
    ("service-role/AmazonSSMAutomationRole", &["ssm:*"]),
];
