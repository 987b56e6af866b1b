//! Which objects of a namespace belong to a release: by Helm's annotations, by labels, by who owns them. Never by
//! name alone.

use super::{Facts, Meta, Release};
use shared::marks;
use std::collections::HashSet;

/// Whether a workload was made by this release.
pub fn of_release(meta: &Meta, release: &str, namespace: &str) -> bool {
    if let Some(name) = meta.annotation("meta.helm.sh/release-name") {
        let ns = meta.annotation("meta.helm.sh/release-namespace");
        return name == release && ns.is_none_or(|ns| ns == namespace);
    }
    meta.label("app.kubernetes.io/instance") == Some(release) || meta.label("release") == Some(release)
}

/// Whether a Job is of this release: its own, a hook of it, or one that omupgrade made for it.
pub fn job_of_release(meta: &Meta, release: &str, namespace: &str, content: Option<&Release>) -> bool {
    let hook = meta.annotation("helm.sh/hook").is_some()
        && content.is_some_and(|r| r.hooks.iter().any(|h| h.kind == "Job" && h.name == meta.name));
    hook || meta.label(marks::RELEASE) == Some(release) || of_release(meta, release, namespace)
}

impl Facts {
    /// Leaves only what concerns the release: for a look at a whole namespace.
    #[must_use]
    pub fn narrowed(mut self) -> Self {
        let (name, ns) = (self.name.clone(), self.namespace.clone());
        let release = self.release.value().cloned();
        self.workloads = self.workloads.map(|all| keep(all, |w| of_release(&w.meta, &name, &ns)));
        self.jobs = self.jobs.map(|all| keep(all, |j| job_of_release(&j.meta, &name, &ns, release.as_ref())));
        let mut owners: HashSet<String> = self.workloads.items().iter().map(|w| w.meta.uid.clone()).collect();
        self.replica_sets = self.replica_sets.map(|all| keep(all, |s| owned(&s.meta, &owners)));
        owners.extend(self.replica_sets.items().iter().map(|s| s.meta.uid.clone()));
        owners.extend(self.jobs.items().iter().map(|j| j.meta.uid.clone()));
        // A look that was narrowed before holds no foreign pod any more.
        let foreign = super::foreign::found(&self);
        if !foreign.is_empty() {
            self.foreign = foreign;
        }
        self.pods = self.pods.map(|all| keep(all, |p| owned(&p.meta, &owners)));
        owners.extend(self.pods.items().iter().map(|p| p.meta.uid.clone()));
        self.events = self.events.map(|all| keep(all, |e| e.warning && owners.contains(&e.about_uid)));
        let scaled: HashSet<(String, String)> =
            self.workloads.items().iter().map(|w| (w.kind.name().to_owned(), w.meta.name.clone())).collect();
        self.autoscalers = self.autoscalers.map(|all| keep(all, |a| scaled.contains(&a.target)));
        self
    }
}

fn owned(meta: &Meta, owners: &HashSet<String>) -> bool {
    meta.owner.as_ref().is_some_and(|o| owners.contains(&o.uid))
}

fn keep<T>(mut all: Vec<T>, wanted: impl Fn(&T) -> bool) -> Vec<T> {
    all.retain(wanted);
    all
}
