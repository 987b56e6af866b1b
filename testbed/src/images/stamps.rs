//! Whether an image is as its sources are: a digest of them is kept beside what was made. It never looks at the image.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use super::recipes::Recipe;
use crate::paths::{self, Cache};

/// Whether a recipe's sources are those of its last making.
pub fn is_fresh(cache: &Cache, recipe: &Recipe) -> Result<bool> {
    let kept = fs::read_to_string(file(cache, recipe)).unwrap_or_default();
    Ok(kept == of(recipe)?)
}

/// Remembers what a recipe was made of.
pub fn keep(cache: &Cache, recipe: &Recipe, stamp: &str) -> Result<()> {
    let file = file(cache, recipe);
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    fs::write(&file, stamp).with_context(|| format!("cannot write {}", file.display()))
}

/// How every image is made, and of which versions: a change there is a change of all of them.
const OF_ALL: &[&str] = &["src/images/recipes.rs", "src/images/oci.rs", "src/versions.rs"];

/// The digest of the files and folders below this crate that a recipe follows from.
pub fn of(recipe: &Recipe) -> Result<String> {
    let mut digest = Sha256::new();
    for source in OF_ALL.iter().chain(recipe.sources) {
        read(&paths::source(source), &mut digest)?;
    }
    Ok(digest.finalize().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}")))
}

fn read(path: &Path, digest: &mut Sha256) -> Result<()> {
    let reading = || format!("cannot read {}", path.display());
    if path.is_dir() {
        let mut entries: Vec<_> = fs::read_dir(path).with_context(reading)?.collect::<Result<_, _>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            digest.update(entry.file_name().as_encoded_bytes());
            read(&entry.path(), digest)?;
        }
        return Ok(());
    }
    let content = fs::read(path).with_context(reading)?;
    digest.update(content.len().to_le_bytes());
    digest.update(content);
    Ok(())
}

fn file(cache: &Cache, recipe: &Recipe) -> std::path::PathBuf {
    cache.images().join("stamps").join(recipe.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::recipes::RECIPES;

    #[test]
    fn a_changed_added_or_renamed_file_changes_the_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let stamp = || {
            let mut digest = Sha256::new();
            read(folder.path(), &mut digest).unwrap();
            digest.finalize()
        };
        let mut seen = vec![stamp()];
        for (name, content) in [("a", "1"), ("a", "2"), ("b", "")] {
            fs::write(folder.path().join(name), content).unwrap();
            seen.push(stamp());
        }
        fs::rename(folder.path().join("b"), folder.path().join("c")).unwrap();
        seen.push(stamp());
        assert_eq!(stamp(), stamp());
        let all = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), all);
    }

    #[test]
    fn every_source_of_every_recipe_is_there() {
        for recipe in RECIPES {
            assert!(!recipe.sources.is_empty(), "{}", recipe.name);
            of(recipe).unwrap();
        }
    }
}
