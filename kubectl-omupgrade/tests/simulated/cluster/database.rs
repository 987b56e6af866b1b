//! The database behind the Pods: what each action of the restore script makes of it, by the databases that are there.

use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What goes wrong with a Pod, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PodFault {
    /// It ends badly, half-way in its work.
    Fails,
    /// It ends badly after its work was done.
    FailsAfterwards,
    /// Its node dies: nobody finds it any more.
    Vanishes,
    /// Its node dies, and the API server keeps it as it last was: at work, and to be gone by now.
    Lost,
    /// It works, and nothing is heard of its end.
    Works,
    /// Its image is not to be had.
    NoImage,
    /// It waits for a node and gets none.
    Waits,
    /// Its time is over before it ends.
    TooLate,
}

#[derive(Default, Clone)]
pub struct Database {
    /// The answer of a probe.
    pub state: String,
    /// The state in the backup.
    pub backup: String,
    /// What the check says.
    pub check: String,
    /// What a load says before its last words.
    pub load_says: String,
    /// Why the check fails.
    pub refuses: Option<String>,
    /// Whose backup it is that is drilled, as `NAMESPACE/RELEASE`.
    pub imported_from: String,
    /// Whose backup each action was told that it is.
    pub of: Vec<String>,
    /// Databases beside, by restore: `None` is half-loaded.
    pub beside: BTreeMap<String, Option<String>>,
    /// Databases from before, by restore.
    pub old: BTreeMap<String, String>,
    /// Dumps that were made.
    pub dumps: Vec<String>,
    /// The next Pod with this action meets this.
    pub fault: Option<(String, PodFault)>,
    /// Whether it is the one from the backup.
    pub restored: bool,
    /// The labels of each Pod that was started.
    pub labels: Vec<Value>,
}

pub enum Ran {
    Well(String),
    Badly(String),
    Vanished,
    /// It did not begin or does not end, and this is its status.
    Armed(Value),
    Lost,
}

pub(super) fn variable<'a>(pod: &'a Value, name: &str) -> &'a str {
    let env = pod["spec"]["containers"][0]["env"].as_array().map_or(&[][..], Vec::as_slice);
    env.iter().rev().find(|e| e["name"] == name).and_then(|e| e["value"].as_str()).unwrap_or_default()
}

impl Database {
    pub fn run(&mut self, pod: &Value) -> Ran {
        self.labels.push(pod["metadata"]["labels"].clone());
        let (action, id) = (variable(pod, "OMUPGRADE_ACTION"), variable(pod, "OMUPGRADE_RESTORE_ID"));
        if action.is_empty() && pod["metadata"]["labels"]["omupgrade.io/role"] != "restore" {
            return Ran::Well(self.state.clone());
        }
        let action = if action.is_empty() { "dump" } else { action };
        match self.fault.clone() {
            Some((at, fault)) if at == action => {
                self.fault = None;
                match fault {
                    PodFault::Works => return Ran::Armed(json!({"phase": "Running"})),
                    PodFault::Waits => return Ran::Armed(json!({"phase": "Pending"})),
                    PodFault::TooLate => {
                        return Ran::Armed(
                            json!({"phase": "Failed", "reason": "DeadlineExceeded", "message": "Pod was active on the node longer than the specified deadline"}),
                        );
                    }
                    PodFault::NoImage => {
                        let waiting = json!({"waiting": {"reason": "ErrImagePull", "message": "not found"}});
                        let container = json!({"name": "restore", "ready": false, "restartCount": 0, "image": "", "imageID": "", "state": waiting});
                        return Ran::Armed(json!({"phase": "Pending", "containerStatuses": [container]}));
                    }
                    _ => {}
                }
                if fault == PodFault::FailsAfterwards {
                    let _ = self.act(action, id, pod);
                } else if action == "beside" {
                    self.beside.insert(id.to_owned(), None);
                } else if action == "in-place" {
                    EMPTY.clone_into(&mut self.state);
                }
                match fault {
                    PodFault::Vanishes => Ran::Vanished,
                    PodFault::Lost => Ran::Lost,
                    _ => Ran::Badly("a fault".to_owned()),
                }
            }
            _ => match self.act(action, id, pod) {
                Ok(log) => Ran::Well(log),
                Err(words) => Ran::Badly(words),
            },
        }
    }

    fn act(&mut self, action: &str, id: &str, pod: &Value) -> Result<String, String> {
        self.of.push(variable(pod, "OMUPGRADE_BACKUP_OF").to_owned());
        let also = if matches!(action, "beside" | "in-place") { self.load_says.as_str() } else { "" };
        let done = Ok(format!("{also}omupgrade-restore: {action} done"));
        let swapped = self.old.contains_key(id);
        match action {
            "fingerprint" => Ok(self.state.clone()),
            // As the script asks: whose backup it is, or else it has to be its own.
            "drill" if variable(pod, "OMUPGRADE_BACKUP_OF") != self.imported_from => {
                Err(format!("om-b is of another release: '{}'", self.imported_from))
            }
            "drill" => Ok(self.check.clone()),
            "check" => self.refuses.clone().map_or_else(|| Ok(self.check.clone()), Err),
            "dump" => {
                self.dumps.push(format!("{}: {}", variable(pod, "OMUPGRADE_BACKUP_NAME"), self.state));
                done
            }
            "beside" | "swap" if swapped => done,
            "beside" => {
                self.beside.insert(id.to_owned(), Some(self.backup.clone()));
                done
            }
            "swap" => {
                let restored = self.beside.remove(id).flatten().ok_or("not proven")?;
                self.old.insert(id.to_owned(), std::mem::replace(&mut self.state, restored));
                self.restored = true;
                done
            }
            "in-place" => {
                self.state.clone_from(&self.backup);
                self.restored = true;
                done
            }
            "clean-up" => {
                self.beside.remove(id);
                self.old.remove(id);
                done
            }
            other => panic!("{other}"),
        }
    }

    /// The highest version in it.
    pub fn head(&self) -> Option<&str> {
        self.state.lines().find_map(|l| l.strip_prefix("head\t")).filter(|h| *h != "none")
    }
}

const EMPTY: &str = "change_log\tabsent\nsql_logs\tabsent\nschema\t0:00\nflowable\tabsent\nhead\tnone\n";
