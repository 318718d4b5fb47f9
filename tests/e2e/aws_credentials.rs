//! Whose calls are made on AWS: roles that are taken on, tokens of identity providers, and what is said where there is nobody.

use crate::support::{Folder, Ran, Server};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value as Json, json};

/// The account's roles, made with the keys that the shell has.
const ROLES: &str = r#"
[stack]
name = "roles"

[resource.aws_iam_role.deploy]
name               = "deploy"
assume_role_policy = '''{"Version":"2012-10-17","Statement":[
  {"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":["sts:AssumeRole","sts:TagSession"],"Condition":{"StringEquals":{"sts:ExternalId":"shop-1"}}},
  {"Effect":"Deny","Principal":{"AWS":"*"},"Action":"sts:AssumeRole","Condition":{"StringLike":{"sts:RoleSessionName":"bad*"}}}]}'''

[resource.aws_iam_role.audit]
name               = "audit"
assume_role_policy = '''{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"${aws_iam_role.deploy.arn}"},"Action":"sts:AssumeRole"}]}'''

[resource.aws_iam_openid_connect_provider.ci]
url            = "https://ci.example.com"
client_id_list = ["sts.amazonaws.com"]

[resource.aws_iam_role.ci]
name               = "ci"
assume_role_policy = '''{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"${aws_iam_openid_connect_provider.ci.arn}"},"Action":"sts:AssumeRoleWithWebIdentity",
  "Condition":{"StringEquals":{"ci.example.com:aud":"sts.amazonaws.com"},"StringLike":{"ci.example.com:sub":"repo:shop/*"}}}]}'''
"#;

/// A cloud with these roles.
fn roles() -> Server {
    let server = Server::sandbox(&["--latency", "none"]);
    let folder = Folder::against(&server);
    folder.write("stacks/roles.toml", ROLES);
    folder
        .run(&["apply", "-auto-approve", "stacks/roles.toml"])
        .expect(0);
    server
}

/// A stack that tells who it is and makes something.
fn stack(clouds: &str) -> String {
    format!(
        "[stack]\nname = \"t\"\n[clouds.aws]\nregion = \"eu-west-1\"\n{clouds}\n[data.aws_caller_identity.me]\n\
         [resource.aws_vpc.v]\ncidr_block = \"10.0.0.0/16\"\n[outputs.me]\nvalue = \"${{data.aws_caller_identity.me.arn}}\"\n"
    )
}

fn apply(folder: &Folder, clouds: &str) -> Ran {
    folder.write("stacks/t.toml", &stack(clouds));
    folder.run(&["apply", "-auto-approve", "stacks/t.toml"])
}

/// Who the stack was, as it tells.
fn who(folder: &Folder) -> String {
    let shown = folder.run(&["output", "-json", "stacks/t.toml"]).expect(0);
    shown.json()["me"]["value"]
        .as_str()
        .map_or_else(|| panic!("{}", shown.stdout), str::to_owned)
}

const DEPLOY: &str =
    "[[clouds.aws.assume_role]]\nrole_arn = \"arn:aws:iam::123456789012:role/deploy\"\n";

#[test]
fn a_role_is_taken_on() {
    let server = roles();
    let folder = Folder::against(&server);
    let named = format!(
        "{DEPLOY}external_id = \"shop-1\"\nsession_name = \"rollout\"\nduration = \"1h\"\ntags = {{ team = \"shop\" }}\ntransitive_tag_keys = [\"team\"]\n"
    );
    apply(&folder, &named).expect(0);
    assert_eq!(
        who(&folder),
        "arn:aws:sts::123456789012:assumed-role/deploy/rollout"
    );
    // What is kept tells the role, and no key of the session.
    let state = std::fs::read_to_string(folder.path().join("state/t.json")).expect("a state");
    assert!(!state.contains("ASIA"), "{state}");
    folder
        .run(&["plan", "-detailed-exitcode", "stacks/t.toml"])
        .expect(0);

    // The second role lets in the first alone.
    let audit = "[[clouds.aws.assume_role]]\nrole_arn = \"arn:aws:iam::123456789012:role/audit\"\n";
    let both = format!("{DEPLOY}external_id = \"shop-1\"\n{audit}");
    apply(&folder, &both).expect(0);
    assert_eq!(
        who(&folder),
        "arn:aws:sts::123456789012:assumed-role/audit/infra"
    );
    let ran = apply(&folder, audit).expect(1);
    ran.says(&["the role arn:aws:iam::123456789012:role/audit cannot be taken on"]);
}

#[test]
fn a_role_that_is_refused_says_what_to_do() {
    let server = roles();
    let folder = Folder::against(&server);
    let refused = |more: &str, sentences: &[&str]| {
        let ran = apply(&folder, &format!("{DEPLOY}{more}")).expect(1);
        ran.says(sentences);
        let told = ran.told();
        for debug in ["SdkError", "DispatchFailure", "ServiceError", "{", "Some("] {
            assert!(!told.contains(debug), "{debug} in {told}");
        }
    };
    refused(
        "",
        &[
            "cannot be taken on",
            "give it as `external_id`",
            "User: arn:aws:iam::123456789012:user/sandbox is not authorized to perform: sts:AssumeRole",
        ],
    );
    refused(
        "external_id = \"shop-2\"\n",
        &["its conditions must ask for the `external_id` that is given"],
    );
    refused(
        "external_id = \"shop-1\"\nsession_name = \"bad-one\"\n",
        &["cannot be taken on"],
    );
    refused(
        "external_id = \"shop-1\"\nduration = \"2h\"\n",
        &["The requested DurationSeconds exceeds the MaxSessionDuration set for this role."],
    );
    refused(
        "external_id = \"shop-1\"\nduration = \"5m\"\n",
        &["`duration` is `5m`: 15 minutes to 12 hours are possible"],
    );
    refused(
        "external_id = \"shop-1\"\npolicy = \"no policy\"\n",
        &["This policy contains invalid Json"],
    );
    refused(
        "external_id = \"shop-1\"\nsource_identity = \"ada\"\n",
        &["not authorized to perform: sts:SetSourceIdentity"],
    );
}

/// A token with these claims.
fn token(claims: &Json) -> String {
    let part = |json: &Json| URL_SAFE_NO_PAD.encode(json.to_string());
    let header = json!({ "alg": "RS256", "typ": "JWT" });
    format!("{}.{}.c2lnbmVk", part(&header), part(claims))
}

#[test]
fn a_token_takes_on_a_role() {
    let server = roles();
    // Nobody's keys are there: the token alone tells who asks.
    let folder = Folder::new();
    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = folder.command(arguments);
        command
            .env("AWS_ENDPOINT_URL", &server.url)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(variables.iter().copied());
        let output = command.output().expect("the binary runs");
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    };
    let claims = json!({
        "iss": "https://ci.example.com", "sub": "repo:shop/web", "aud": "sts.amazonaws.com", "exp": 4_000_000_000_u64,
    });
    let web = "[clouds.aws.assume_role_with_web_identity]\nrole_arn = \"arn:aws:iam::123456789012:role/ci\"\nsession_name = \"build-7\"\n";
    let file = format!("{web}web_identity_token_file = \"ci.token\"\n");
    folder.write("stacks/ci.token", &token(&claims));
    folder.write("stacks/t.toml", &stack(&file));
    let apply = ["apply", "-auto-approve", "stacks/t.toml"];
    run(&apply, &[]).expect(0);
    let me = run(&["output", "-json", "stacks/t.toml"], &[]).expect(0);
    assert!(
        me.stdout.contains("assumed-role/ci/build-7"),
        "{}",
        me.stdout
    );

    // By the variable that CI services and EKS set.
    folder.write("stacks/t.toml", &stack(web));
    let there = folder.path().join("stacks/ci.token");
    let there = there.to_str().expect("text");
    run(&apply, &[("AWS_WEB_IDENTITY_TOKEN_FILE", there)]).expect(0);
    run(&apply, &[])
        .expect(1)
        .says(&["no token: set `web_identity_token_file`"]);

    folder.write("stacks/t.toml", &stack(&file));
    for (change, sentence) in [
        (
            json!({ "sub": "repo:other/web" }),
            "its trust policy must allow `sts:AssumeRoleWithWebIdentity` to the token's provider",
        ),
        (json!({ "aud": "others" }), "Incorrect token audience"),
        (json!({ "exp": 1_000 }), "get a new token"),
        (
            json!({ "iss": "https://else.example.com" }),
            "the account needs an OpenID Connect provider",
        ),
    ] {
        let mut claims = claims.clone();
        for (claim, value) in change.as_object().expect("claims") {
            claims[claim] = value.clone();
        }
        folder.write("stacks/ci.token", &token(&claims));
        run(&apply, &[]).expect(1).says(&[sentence]);
    }
    std::fs::remove_file(folder.path().join("stacks/ci.token")).expect("was there");
    run(&apply, &[])
        .expect(1)
        .says(&["the token file", "cannot be read"]);
}

#[test]
fn nobody_is_told_how_to_be_somebody() {
    let server = Server::sandbox(&["--latency", "none"]);
    let folder = Folder::new();
    folder.write("stacks/t.toml", &stack(""));
    let mut command = folder.command(&["plan", "stacks/t.toml"]);
    command
        .env("AWS_ENDPOINT_URL", &server.url)
        .env("AWS_EC2_METADATA_DISABLED", "true");
    let output = command.output().expect("the binary runs");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("no AWS credentials were found"), "{told}");
    assert!(!told.contains("Attempted"), "{told}");
}
