//! A folder of OCI images: blobs by digest, tags by name. It never talks to a network.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::call::Call;
use crate::paths::Cache;

/// The media type of an image's manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
// Layers stay uncompressed: they travel over loopback only, and gzip would cost more than it saves.
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// A blob, by what it is called and how long it is.
#[derive(Debug, Clone)]
pub struct Blob {
    digest: String,
    size: u64,
}

/// The folder.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// The folder in the cache.
    pub fn new(cache: &Cache) -> Self {
        Self { root: cache.images() }
    }

    /// The file of a blob (`sha256:…`), if the digest is one.
    pub fn blob(&self, digest: &str) -> Option<PathBuf> {
        let hex = digest.strip_prefix("sha256:")?;
        let whole = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        whole.then(|| self.root.join("blobs").join(hex))
    }

    /// The digest of the manifest behind a tag.
    pub fn tagged(&self, name: &str, tag: &str) -> Option<String> {
        let clean = |word: &str| !word.split('/').any(|part| part.is_empty() || part.starts_with('.'));
        if !clean(name) || !clean(tag) {
            return None;
        }
        fs::read_to_string(self.root.join("tags").join(name).join(tag)).ok().map(|digest| digest.trim().to_owned())
    }

    /// Packs a folder's content as a layer. `key` names its content: the same key again is the same layer.
    pub fn layer(&self, folder: &Path, key: Option<&str>, owner: Owner) -> Result<Blob> {
        let remembered = key.map(|key| self.root.join("layers").join(key));
        if let Some(blob) = remembered.as_deref().and_then(|file| self.remembered(file)) {
            return Ok(blob);
        }
        fs::create_dir_all(self.root.join("blobs"))?;
        let draft = self.root.join(format!("layer-{}.tar", std::process::id()));
        let ids: &[&str] = match owner {
            Owner::Root => &["--owner=0", "--group=0"],
            Owner::AsIs => &[],
        };
        Call::new("tar", format!("packing {}", folder.display()))
            .args(["--sort=name", "--mtime=@0", "--numeric-owner", "--exclude=./.complete"])
            .args(["--exclude=./dev/*", "--exclude=./proc/*", "--exclude=./sys/*"])
            // Where the servers of testdata/databases/run.sh live, in the directory that MySQL's image is made of.
            .args(["--exclude=./omupgrade-*"])
            .args(ids)
            .args(["-C".as_ref(), folder.as_os_str(), "-cf".as_ref(), draft.as_os_str(), ".".as_ref()])
            .run()?;
        let blob = self.adopt(&draft)?;
        if let Some(file) = remembered {
            write(&file, format!("{} {}", blob.digest, blob.size).as_bytes())?;
        }
        Ok(blob)
    }

    fn remembered(&self, file: &Path) -> Option<Blob> {
        let text = fs::read_to_string(file).ok()?;
        let (digest, size) = text.split_once(' ')?;
        let blob = Blob { digest: digest.to_owned(), size: size.trim().parse().ok()? };
        self.blob(&blob.digest)?.exists().then_some(blob)
    }

    /// Writes config and manifest, and points the tag at them.
    pub fn tag(&self, name: &str, tag: &str, layers: &[Blob], run: &Value) -> Result<()> {
        let ids: Vec<&str> = layers.iter().map(|layer| layer.digest.as_str()).collect();
        let config = json!({
            "architecture": architecture(), "os": "linux", "config": run,
            "rootfs": { "type": "layers", "diff_ids": ids },
        });
        let config = self.keep(&config)?;
        let describe = |kind: &str, blob: &Blob| json!({ "mediaType": kind, "digest": blob.digest, "size": blob.size });
        let layers: Vec<Value> = layers.iter().map(|layer| describe(LAYER, layer)).collect();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": describe(CONFIG, &config), "layers": layers,
        });
        let manifest = self.keep(&manifest)?;
        write(&self.root.join("tags").join(name).join(tag), manifest.digest.as_bytes())
    }

    /// Removes blobs of some age that no tag and no remembered layer needs: every making of an image leaves its former
    /// ones behind. Younger ones may be on their way to a pod.
    pub fn prune(&self, age: Duration) -> Result<()> {
        let mut needed = HashSet::new();
        for manifest in texts(&self.root.join("tags"))? {
            let content = self.blob(manifest.trim()).and_then(|file| fs::read(file).ok()).unwrap_or_default();
            let content: Value = serde_json::from_slice(&content).unwrap_or_default();
            let layers = content["layers"].as_array().into_iter().flatten().chain([&content["config"]]);
            needed.extend(layers.filter_map(|blob| blob["digest"].as_str().map(str::to_owned)));
            needed.insert(manifest.trim().to_owned());
        }
        let remembered = texts(&self.root.join("layers"))?.into_iter();
        needed.extend(remembered.filter_map(|text| text.split_whitespace().next().map(str::to_owned)));
        for entry in entries(&self.root.join("blobs"))? {
            let made = entry.metadata().and_then(|file| file.modified());
            let old = made.is_ok_and(|made| made.elapsed().is_ok_and(|since| since >= age));
            if old && !needed.contains(&format!("sha256:{}", entry.file_name().display())) {
                fs::remove_file(entry.path()).with_context(|| format!("cannot remove {}", entry.path().display()))?;
            }
        }
        Ok(())
    }

    fn keep(&self, value: &Value) -> Result<Blob> {
        let draft = self.root.join(format!("draft-{}.json", std::process::id()));
        write(&draft, value.to_string().as_bytes())?;
        self.adopt(&draft)
    }

    /// Moves a finished file to where its digest says.
    fn adopt(&self, draft: &Path) -> Result<Blob> {
        let said = Call::new("sha256sum", format!("reading {}", draft.display())).args([draft]).text()?;
        let hex = said.split_whitespace().next().unwrap_or_default();
        let digest = format!("sha256:{hex}");
        let size = fs::metadata(draft)?.len();
        let place = self.blob(&digest).with_context(|| format!("sha256sum said {said:?}"))?;
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::rename(draft, &place).with_context(|| format!("cannot keep {}", place.display()))?;
        Ok(Blob { digest, size })
    }
}

/// Whose the files of a layer are.
#[derive(Debug, Clone, Copy)]
pub enum Owner {
    /// Everything is root's.
    Root,
    /// As in the folder.
    AsIs,
}

fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// A folder's entries; one that is not there has none.
fn entries(folder: &Path) -> Result<Vec<fs::DirEntry>> {
    let reading = || format!("cannot read {}", folder.display());
    match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed.with_context(reading)?.collect::<Result<_, _>>().with_context(reading),
    }
}

/// What stands in the files of a folder and its folders.
fn texts(folder: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in entries(folder)? {
        if entry.path().is_dir() {
            found.extend(texts(&entry.path())?);
        } else {
            found.push(fs::read_to_string(entry.path())?);
        }
    }
    Ok(found)
}

fn write(file: &Path, content: &[u8]) -> Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    fs::write(file, content).with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(root: &Path) -> Store {
        Store { root: root.to_owned() }
    }

    #[test]
    fn an_image_is_found_by_its_tag_and_its_digests() {
        let folder = tempfile::tempdir().unwrap();
        let content = tempfile::tempdir().unwrap();
        fs::write(content.path().join("hello"), "world").unwrap();
        let store = store(folder.path());
        let layer = store.layer(content.path(), Some("hello-1"), Owner::Root).unwrap();
        store.tag("library/hello", "1", std::slice::from_ref(&layer), &json!({ "Cmd": ["/hello"] })).unwrap();
        let digest = store.tagged("library/hello", "1").unwrap();
        let manifest: Value = serde_json::from_slice(&fs::read(store.blob(&digest).unwrap()).unwrap()).unwrap();
        assert_eq!(manifest["layers"][0]["digest"], layer.digest);
        assert!(store.remembered(&folder.path().join("layers/hello-1")).is_some());
        assert_eq!(store.tagged("library/hello", "2"), None);
    }

    #[test]
    fn what_no_tag_and_no_remembered_layer_needs_goes() {
        let folder = tempfile::tempdir().unwrap();
        let content = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let layer = |text: &str, key: Option<&str>| {
            fs::write(content.path().join("hello"), text).unwrap();
            store.layer(content.path(), key, Owner::Root).unwrap()
        };
        let (base, first, second) = (layer("base", Some("base")), layer("1", None), layer("2", None));
        let there = |blob: &Blob| store.blob(&blob.digest).unwrap().exists();
        store.tag("hello", "1", std::slice::from_ref(&first), &json!({})).unwrap();
        let old = store.tagged("hello", "1").unwrap();
        store.tag("hello", "1", std::slice::from_ref(&second), &json!({})).unwrap();
        store.prune(Duration::from_hours(1)).unwrap();
        assert!(there(&first), "too young");
        store.prune(Duration::ZERO).unwrap();
        assert!(there(&base) && there(&second) && !there(&first));
        assert!(
            !store.blob(&old).unwrap().exists() && store.blob(&store.tagged("hello", "1").unwrap()).unwrap().exists()
        );
        assert_eq!(fs::read_dir(folder.path().join("blobs")).unwrap().count(), 4, "two layers, a config, a manifest");
    }

    #[test]
    fn names_cannot_leave_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(store(folder.path()).tagged("../..", "etc"), None);
        assert_eq!(store(folder.path()).blob("sha256:../../etc/passwd"), None);
    }
}
