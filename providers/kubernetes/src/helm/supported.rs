//! The minors of Kubernetes that a version of a chart is supported on, and what that means when the cluster becomes of another one.

use infra_model::provider::Shift;
use infra_model::versions::minor_of;
use infra_model::{ProviderError, Value};

/// The attribute that says them.
pub(super) const ATTRIBUTE: &str = "kube_versions";

/// First and last minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Minors {
    first: (u64, u64),
    last: (u64, u64),
}

impl Minors {
    /// `1.33 - 1.36`
    fn parse(text: &str) -> Option<Minors> {
        let (first, last) = text.split_once('-')?;
        let first = minor_of(first.trim())?;
        let last = minor_of(last.trim())?;
        (first <= last).then_some(Minors { first, last })
    }

    fn of(release: &Value) -> Option<Minors> {
        Minors::parse(release.get(ATTRIBUTE)?.as_str()?)
    }

    /// What says no minor is not judged.
    fn lacks(self, version: &str) -> bool {
        minor_of(version).is_some_and(|minor| minor < self.first || minor > self.last)
    }
}

impl std::fmt::Display for Minors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ((a, b), (c, d)) = (self.first, self.last);
        write!(f, "{a}.{b} to {c}.{d}")
    }
}

/// Why a configuration says its minors in a form that is none.
pub(super) fn misspelt(config: &Value) -> Option<ProviderError> {
    let text = config.get(ATTRIBUTE)?.as_str()?;
    Minors::parse(text).is_none().then(|| {
        let message = format!("`{text}` is no range of minors: write such as `1.33 - 1.36`");
        ProviderError::invalid(ATTRIBUTE, message)
    })
}

/// Why a release, or a chart of a configuration repository, cannot stay, or be raised, while the cluster becomes of another
/// version; nothing when it can, or does not say what it is supported on.
pub(crate) fn refused(shift: &Shift<'_>) -> Option<ProviderError> {
    match shift.type_name {
        "helm_release" => judged(shift, shift.before, shift.after, "version"),
        "kubernetes_config_repository" => charts(shift.after).iter().find_map(|after| {
            let before = shift.before.map_or(&[][..], charts);
            let same = |b: &&Value| b.get("chart") == after.get("chart");
            judged(shift, before.iter().find(same), after, "chart")
        }),
        _ => None,
    }
}

fn charts(repository: &Value) -> &[Value] {
    let charts = repository.get("chart").and_then(Value::elements);
    charts.unwrap_or_default()
}

/// Why a chart cannot be what it is to be.
fn judged(
    shift: &Shift<'_>,
    before: Option<&Value>,
    after: &Value,
    attribute: &str,
) -> Option<ProviderError> {
    let refuse = |message: String| Some(ProviderError::invalid(attribute, message));
    let (to, new) = (shift.to, Minors::of(after));
    let named = named(after);
    if let Some(new) = new.filter(|new| new.lacks(to)) {
        return refuse(format!(
            "{named} is supported on Kubernetes {new}, and the cluster is to have {to}: raise the chart to a version that is supported on {to} too, or leave the cluster as it is"
        ));
    }
    let before = before.filter(|before| self::named(before) != named);
    let old = before.and_then(Minors::of);
    let installed = before.map_or_else(String::new, self::named);
    if let (true, Some(from), Some(new)) = (shift.ahead, shift.from, new)
        && new.lacks(from)
    {
        let remedy = match old {
            Some(old) if !old.lacks(to) => format!(
                "{installed}, which is installed, is supported on {to} too: keep it, apply the cluster's version first, and raise the chart after that"
            ),
            _ => format!(
                "raise the chart in steps, first to a version that is supported on {from} and on {to}, and go on from there when the cluster has {to}"
            ),
        };
        return refuse(format!(
            "{named} is supported on Kubernetes {new}, and charts are raised while the cluster still has {from}: {remedy}"
        ));
    }
    match (shift.from, old) {
        (Some(_), Some(old)) if !shift.ahead && old.lacks(to) => refuse(format!(
            "{installed}, which is installed, is supported on Kubernetes {old}, and {named} needs something that is made only after the cluster has {to}: raise the chart first, in an apply of its own"
        )),
        _ => None,
    }
}

/// `cert-manager v1.21.1`
fn named(release: &Value) -> String {
    let text = |name: &str| {
        release
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let chart = text("chart");
    let chart = chart.rsplit('/').next().unwrap_or(chart);
    format!("{chart} {}", text("version")).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_model::json::implied;
    use serde_json::json;

    fn release(version: &str, minors: &str) -> Value {
        let minors = (!minors.is_empty()).then_some(minors);
        implied(&json!({ "chart": "cert-manager", "version": version, "kube_versions": minors }))
    }

    fn told(before: Option<&Value>, after: &Value, from: &str, ahead: bool) -> Option<String> {
        let said = of_type("helm_release", before, after, from, ahead);
        // The same of a chart that is committed.
        let beside = implied(&json!({ "chart": "loki", "version": "7.0.0" }));
        let repository = |charts: &[&Value]| {
            let charts: Vec<Value> = charts.iter().map(|c| (*c).clone()).collect();
            let charts = Value::tuple(charts);
            Value::object([("chart", charts)])
        };
        let before = repository(&[&[&beside], before.as_slice()].concat());
        let after = repository(&[after, &beside]);
        let committed = "kubernetes_config_repository";
        assert_eq!(of_type(committed, Some(&before), &after, from, ahead), said);
        said
    }

    fn of_type(
        type_name: &str,
        before: Option<&Value>,
        after: &Value,
        from: &str,
        ahead: bool,
    ) -> Option<String> {
        let (_, minor) = minor_of(from).expect("a version");
        let shift = Shift {
            type_name,
            before,
            after,
            from: Some(from),
            to: &format!("1.{}", minor + 1),
            ahead,
        };
        refused(&shift).map(|e| e.message)
    }

    #[test]
    fn what_is_not_raised_must_support_the_new_minor() {
        let release = release("v1.21.1", "1.33 - 1.36");
        assert_eq!(told(Some(&release), &release, "1.35.4", false), None);
        let told = told(Some(&release), &release, "1.36", false).expect("not on 1.37");
        assert!(
            told.contains("cert-manager v1.21.1 is supported on Kubernetes 1.33 to 1.36, and the cluster is to have 1.37"),
            "{told}"
        );
    }

    #[test]
    fn what_is_raised_before_must_support_both_minors() {
        let (old, new) = (
            release("v1.18.2", "1.29 - 1.33"),
            release("v1.21.1", "1.33 - 1.36"),
        );
        assert_eq!(told(Some(&old), &new, "1.33", true), None);
        // The old one does for both.
        let keep = told(Some(&old), &new, "1.32", true).expect("not on 1.32");
        assert!(
            keep.contains("while the cluster still has 1.32: cert-manager v1.18.2, which is installed, is supported on 1.33 too"),
            "{keep}"
        );
        // Neither does.
        let older = release("v1.16.0", "1.25 - 1.32");
        let steps = told(Some(&older), &new, "1.32", true).expect("not on 1.32");
        assert!(
            steps.contains("first to a version that is supported on 1.32 and on 1.33"),
            "{steps}"
        );
        // Nor where it is not known what the old one does for.
        assert!(told(Some(&release("v1.16.0", "")), &new, "1.32", true).is_some());
        assert_eq!(told(Some(&old), &release("v9.0.0", ""), "1.32", true), None);
    }

    #[test]
    fn what_is_raised_after_must_support_the_new_minor_before() {
        let (old, new) = (
            release("v1.18.2", "1.29 - 1.33"),
            release("v1.21.1", "1.33 - 1.36"),
        );
        assert_eq!(told(Some(&old), &new, "1.32", false), None);
        let told = told(Some(&old), &new, "1.33", false).expect("not on 1.34");
        assert!(
            told.contains("raise the chart first, in an apply of its own"),
            "{told}"
        );
    }

    #[test]
    fn ranges_are_written_in_one_way() {
        for (text, right) in [
            ("1.33 - 1.36", true),
            ("1.33-1.33", true),
            ("1.36 - 1.33", false),
            (">= 1.33", false),
        ] {
            assert_eq!(misspelt(&release("v1", text)).is_none(), right, "{text}");
        }
    }
}
