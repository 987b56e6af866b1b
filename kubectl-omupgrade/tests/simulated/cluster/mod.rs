//! A cluster in memory behind the real client, and a `helm` on disk whose deeds it sees. Any write can be the last
//! thing that a process does.

mod api;
mod database;
mod door;
mod exec;
mod helm;
mod objects;
mod review;

pub use api::ApiFault;
pub use database::{Database, PodFault};
pub use exec::Holding;
pub use helm::{HelmDies, applied_on_the_server, release_secret};
use http::{Request, Response};
use kube::client::Body;
use kubectl_omupgrade::adapters::cluster::{Cluster, Pointers};
use objects::Objects;
pub use objects::owned;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// The namespace of everything.
pub const NAMESPACE: &str = "data";

/// Where a process is killed. A renewal of its lock is no such place: it comes by the clock and changes nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kill {
    /// The request number N that writes never arrives.
    BeforeWrite(usize),
    /// It does its work, and the answer never arrives.
    AfterWrite(usize),
}

/// The cluster.
#[derive(Clone)]
pub struct World(Arc<Mutex<State>>);

struct State {
    objects: Objects,
    helm: helm::Deeds,
    writes: usize,
    kill: Option<Kill>,
    killed: Arc<Notify>,
    /// The process is killed: whatever it still manages to ask before it stops is neither done nor answered.
    dead: bool,
    log: Vec<String>,
    /// Whether server pods follow their Deployment and are watched.
    restores: bool,
    /// What is asked so is answered by this code.
    deaf: Option<(String, u16)>,
    /// How many requests the process made, and which of them meets what.
    asked: usize,
    meets: Option<(usize, ApiFault)>,
    /// What the user may not, as `VERB RESOURCE`.
    denied: Vec<String>,
}

/// What becomes of a request.
enum Answer {
    Says(u16, Value),
    /// Nobody hears an answer: the process is dead, or the way to it.
    Silence,
    Cut,
}

impl State {
    fn die(&mut self) -> Answer {
        self.dead = true;
        self.killed.notify_one();
        Answer::Silence
    }
}

impl World {
    /// A cluster as this one is now, whose helm lives in `folder` and did nothing yet.
    pub fn copy(&self, folder: &Path) -> Self {
        let copy = Self::new(folder);
        {
            let (mut state, now) = (copy.0.lock().unwrap(), self.0.lock().unwrap());
            (state.objects, state.restores) = (now.objects.clone(), now.restores);
        }
        copy
    }

    /// An empty cluster whose helm lives in `folder`.
    pub fn new(folder: &Path) -> Self {
        let killed = Arc::new(Notify::new());
        let helm = helm::Deeds::new(folder);
        let state = State {
            objects: Objects::default(),
            helm,
            writes: 0,
            kill: None,
            killed,
            dead: false,
            log: Vec::new(),
            restores: false,
            deaf: None,
            asked: 0,
            meets: None,
            denied: Vec::new(),
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// The fake helm.
    pub fn helm(&self) -> std::path::PathBuf {
        self.0.lock().unwrap().helm.program()
    }

    /// The way to it for one process.
    pub fn cluster(&self) -> Cluster {
        let (service, mut handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
        let world = self.clone();
        tokio::spawn(async move {
            while let Some((request, answer)) = handle.next_request().await {
                let (head, body) = request.into_parts();
                let body = body.collect_bytes().await.unwrap();
                match world.serve(head.method.as_str(), &head.uri.to_string(), &body) {
                    Answer::Says(code, value) => {
                        // As it displays itself: that is compiled with serde_json, which is optimised.
                        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                        let body = Body::from(text.into_bytes());
                        answer.send_response(Response::builder().status(code).body(body).unwrap());
                    }
                    Answer::Silence => std::mem::forget(answer),
                    Answer::Cut => answer.send_error(std::io::Error::from(std::io::ErrorKind::ConnectionReset)),
                }
            }
        });
        Cluster {
            client: kube::Client::new(service, NAMESPACE),
            namespace: NAMESPACE.to_owned(),
            patience: None,
            pointers: Pointers::default(),
        }
    }

    /// The same for one that does not wait long for an answer.
    pub fn impatient(&self) -> Cluster {
        Cluster { patience: Some(std::time::Duration::from_millis(500)), ..self.cluster() }
    }

    fn serve(&self, method: &str, uri: &str, body: &[u8]) -> Answer {
        let mut state = self.0.lock().unwrap();
        let state = &mut *state;
        if state.dead || state.helm.reached().exists() {
            return Answer::Silence;
        }
        state.helm.happen(&mut state.objects);
        if state.restores {
            state.objects.settle();
        }
        let path = uri.strip_prefix("http://localhost").unwrap_or(uri);
        // A question, though it is posted.
        let asks = review::is_one(path);
        state.log.push(format!("{} {path}", if asks { "GET" } else { method }));
        state.asked += 1;
        let fault = state.meets.filter(|(at, _)| *at == state.asked).map(|(_, fault)| fault);
        if let Some(answer) = fault.and_then(ApiFault::instead) {
            return answer;
        }
        let deaf = state.deaf.as_ref().filter(|(deaf, _)| method == "GET" || deaf.starts_with(method));
        if let Some((_, code)) = deaf.filter(|(deaf, _)| format!("{method} {path}").contains(deaf)) {
            let reason = if *code == 403 { "Forbidden" } else { "InternalError" };
            return Answer::Says(
                *code,
                json!({"kind": "Status", "code": code, "status": "Failure", "reason": reason, "message": "deaf"}),
            );
        }
        if method == "GET" {
            let (code, value) = state.objects.get(path);
            return fault.map_or(Answer::Says(code, value), ApiFault::afterwards);
        }
        let body = serde_json::from_slice(body).unwrap_or(Value::Null);
        if asks {
            return Answer::Says(201, review::answer(path, &body, &state.denied));
        }
        if state.objects.renews(path, &body) {
            let (code, value) = state.objects.write(method, path, &body);
            return fault.map_or(Answer::Says(code, value), ApiFault::afterwards);
        }
        state.writes += 1;
        if state.kill == Some(Kill::BeforeWrite(state.writes)) {
            return state.die();
        }
        let (code, value) = state.objects.write(method, path, &body);
        if state.restores {
            state.objects.settle();
        }
        if state.kill == Some(Kill::AfterWrite(state.writes)) {
            return state.die();
        }
        fault.map_or(Answer::Says(code, value), ApiFault::afterwards)
    }

    /// Runs a process until it ends, or until it is killed. `None`: it was.
    pub async fn process<T>(&self, kill: Option<Kill>, work: impl Future<Output = T>) -> Option<T> {
        let (killed, reached) = {
            let mut state = self.0.lock().unwrap();
            (state.writes, state.asked) = (0, 0);
            state.kill = kill;
            (state.killed.clone(), state.helm.reached())
        };
        let helm_reached = async {
            while !reached.exists() {
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
            std::fs::remove_file(&reached).unwrap();
        };
        let done = tokio::select! {
            biased;
            () = killed.notified() => None,
            () = helm_reached => None,
            done = work => Some(done),
        };
        let mut state = self.0.lock().unwrap();
        (state.kill, state.dead) = (None, false);
        drop(state);
        done
    }

    /// The request number `at` of the next process meets this; none: all go well.
    pub fn meets(&self, fault: Option<(usize, ApiFault)>) {
        self.0.lock().unwrap().meets = fault;
    }

    /// What the user may not: `patch deployments`.
    pub fn denies(&self, rights: &[&str]) {
        self.0.lock().unwrap().denied = rights.iter().map(|right| (*right).to_owned()).collect();
    }

    /// How many requests the last process made.
    pub fn asked(&self) -> usize {
        self.0.lock().unwrap().asked
    }

    /// From now on, questions about this path fail; none: all are answered.
    pub fn deaf(&self, path: Option<&str>) {
        self.answers(path, 500);
    }

    /// From now on, questions about this path are answered by this code; none: all are answered.
    pub fn answers(&self, path: Option<&str>, code: u16) {
        self.0.lock().unwrap().deaf = path.map(|path| (path.to_owned(), code));
    }

    /// How many requests of the last process wrote.
    pub fn writes(&self) -> usize {
        self.0.lock().unwrap().writes
    }

    /// The next helm dies, or outlives the process that started it.
    pub fn helm_dies(&self, how: HelmDies) {
        self.0.lock().unwrap().helm.dies(how);
    }

    /// What probes find in the database.
    pub fn database(&self, fingerprint: &str) {
        fingerprint.clone_into(&mut self.0.lock().unwrap().objects.database.state);
    }

    /// Looks at the database, or changes it, while server pods are watched.
    pub fn with_database<T>(&self, look: impl FnOnce(&mut Database) -> T) -> T {
        let mut state = self.0.lock().unwrap();
        state.restores = true;
        look(&mut state.objects.database)
    }

    /// Servers that ran on a schema newer than themselves, or migrated the one that a restore had brought back.
    pub fn violations(&self) -> Vec<String> {
        self.0.lock().unwrap().objects.violations.clone()
    }

    /// What `says` was told for this role.
    pub fn said(&self, role: &str) -> String {
        self.0.lock().unwrap().objects.said.get(role).cloned().unwrap_or_default()
    }

    /// What Pods of a role say.
    pub fn says(&self, role: &str, log: &str) {
        self.0.lock().unwrap().objects.said.insert(role.to_owned(), log.to_owned());
    }

    /// The next Jobs fail for this reason; empty: they end well.
    pub fn jobs_fail(&self, reason: &str) {
        reason.clone_into(&mut self.0.lock().unwrap().objects.ends);
    }

    /// A Pod that waited ends well, and this is its log.
    pub fn ends(&self, pod: Value, log: &str) {
        self.0.lock().unwrap().objects.ends(pod, log);
    }

    /// Puts an object there.
    pub fn put(&self, plural: &str, object: Value) {
        self.0.lock().unwrap().objects.put(plural, object);
    }

    /// All objects of a kind.
    pub fn all(&self, plural: &str) -> Vec<Value> {
        let mut state = self.0.lock().unwrap();
        let state = &mut *state;
        state.helm.happen(&mut state.objects);
        state.objects.all(plural)
    }

    /// An object.
    pub fn object(&self, plural: &str, name: &str) -> Option<Value> {
        self.all(plural).into_iter().find(|o| o["metadata"]["name"] == json!(name))
    }

    /// Where helm was told that releases are stored, a word for each call.
    pub fn helm_drivers(&self) -> Vec<String> {
        self.0.lock().unwrap().helm.drivers()
    }

    /// What of helm's environment says where it looks, and as whom.
    pub fn helm_environment(&self) -> Vec<String> {
        self.0.lock().unwrap().helm.environment()
    }

    /// What helm was called with.
    pub fn helm_calls(&self) -> Vec<String> {
        self.0.lock().unwrap().helm.calls()
    }

    /// What Pods were told to do so far, where they were told a word.
    pub fn actions(&self) -> Vec<String> {
        self.0.lock().unwrap().objects.actions.clone()
    }

    /// The requests so far.
    pub fn log(&self) -> Vec<String> {
        self.0.lock().unwrap().log.clone()
    }
}
