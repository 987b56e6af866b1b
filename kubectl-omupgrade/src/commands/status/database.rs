//! What `status` adds about the database: what the journal recorded last, and, where it was asked for, what a Pod beside
//! the server finds. Never fails: what cannot be asked is unknown with its reason.

use super::Target;
use crate::adapters::cluster::{Cluster, Question, Store, Watch};
use crate::adapters::{journal, probe};
use crate::facts::{Database, Fact, Release, not_asked};
use crate::journal::{Open, Recorded, Run, last_recorded, open_way_back, search_due};
use jiff::Timestamp;
use shared::backup::Asked;
use std::collections::BTreeMap;

/// An image's migration folders, by image.
pub type Folders = BTreeMap<String, Vec<String>>;

/// What the journal tells: the state of the database that it recorded last, since when search is behind a restore, a way
/// back without an end. Who may not read it does without.
pub async fn recorded(cluster: &Cluster, release: &str) -> (Option<Recorded>, Option<Timestamp>, Option<Open>) {
    let Ok((runs, _)) = journal::runs(cluster, release).await else { return (None, None, None) };
    let runs: Vec<Run> = runs.into_iter().map(|s| s.run).collect();
    let (due, open) = (search_due(&runs), open_way_back(&runs));
    (last_recorded(&runs), due, open)
}

/// Asks the database and the server's image, each in its own Pod at the same time. `image` is the database client's;
/// none of it at all asks nothing.
pub async fn ask(cluster: &Cluster, release: &Fact<Release>, image: Option<Option<&str>>) -> (Fact<Database>, Folders) {
    let Some(image) = image else { return (not_asked(), Folders::new()) };
    let source = "probe Pod";
    let Some(release) = release.value() else {
        let reason = format!("its server is not known: {}", release.reason().unwrap_or_default());
        return (Fact::unknown(reason, source, Timestamp::now()), Folders::new());
    };
    let (found, folders) =
        tokio::join!(probe::facts(cluster, release, image, Asked::Facts), probe::folders(cluster, release, &[]));
    let now = Timestamp::now();
    let database = match found {
        Ok((_, database)) => Fact::known(database, source, now),
        Err(reason) => Fact::unknown(reason, source, now),
    };
    // An image that cannot be listed is judged by its tag.
    (database, folders.into_iter().collect())
}

/// What the journal tells, asked again whenever it changes.
pub fn journal(cluster: &Cluster, release: &str) -> Question {
    let (own, name) = (cluster.clone(), release.to_owned());
    Question::new(journal::labels(release), move || {
        let (own, name) = (own.clone(), name.clone());
        async move {
            let found = recorded(&own, &name).await;
            move |store: &mut Store| (store.recorded, store.search_due, store.open) = found
        }
    })
}

/// The database's own answer beside a watch: it comes when it comes, and the end waits for it.
pub fn ask_beside(watch: &mut Watch, store: &mut Store, cluster: &Cluster, target: &Target, image: Option<String>) {
    store.asking = true;
    let (own, release) = (cluster.clone(), target.release.clone());
    watch.ask(async move {
        let (database, folders) = Box::pin(ask(&own, &release, Some(image.as_deref()))).await;
        move |store: &mut Store| {
            (store.database, store.folders, store.asking) = (database, folders, false);
        }
    });
}
