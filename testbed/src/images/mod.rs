//! The images of the testbed, each made here from Debian packages, Go modules or our own sources. It never pulls one.

pub mod oci;
pub mod recipes;
pub mod registry;
mod search;
mod stamps;
pub mod standin;

use std::time::Duration;

use anyhow::{Result, bail};

use crate::failure::Failure;
use crate::paths::Cache;
use crate::{say, turn};

use oci::Store;
use recipes::{RECIPES, Recipe};

/// Builds the named images, or all of them, where their sources changed since they were made.
pub fn build(cache: &Cache, names: &[String]) -> Result<()> {
    for name in names {
        named(name)?;
    }
    for recipe in RECIPES.iter().filter(|recipe| names.is_empty() || names.iter().any(|name| name == recipe.name)) {
        if !make_unless_current(cache, recipe)? {
            say::step(&format!("the image {} is up to date", recipe.name));
        }
    }
    Ok(())
}

/// Builds those of the named images that are not there, or are older than their sources.
pub fn ensure(cache: &Cache, names: &[&str]) -> Result<()> {
    for name in names {
        make_unless_current(cache, named(name)?)?;
    }
    Ok(())
}

fn named(name: &str) -> Result<&'static Recipe> {
    let known = || RECIPES.iter().map(|recipe| recipe.name).collect::<Vec<_>>().join(" ");
    match RECIPES.iter().find(|recipe| recipe.name == name) {
        Some(recipe) => Ok(recipe),
        None => bail!(Failure::words(format!("no image is called {name}"), format!("testbed images {}", known()))),
    }
}

/// Builds again what was built before and is older than its sources.
pub fn refresh(cache: &Cache) -> Result<()> {
    for recipe in RECIPES.iter().filter(|recipe| (recipe.is_there)(&Store::new(cache))) {
        make_unless_current(cache, recipe)?;
    }
    Ok(())
}

/// Whether it had to be made. One process at a time makes images: those that waited find them made.
fn make_unless_current(cache: &Cache, recipe: &Recipe) -> Result<bool> {
    if is_current(cache, recipe)? {
        return Ok(false);
    }
    let _turn = turn::take(&cache.images(), "another process builds images")?;
    let current = is_current(cache, recipe)?;
    if !current {
        make(cache, recipe)?;
    }
    Ok(!current)
}

fn is_current(cache: &Cache, recipe: &Recipe) -> Result<bool> {
    Ok((recipe.is_there)(&Store::new(cache)) && stamps::is_fresh(cache, recipe)?)
}

fn make(cache: &Cache, recipe: &Recipe) -> Result<()> {
    say::step(&format!("building the image {}", recipe.name));
    // Taken before: what changes while it is made is made again the next time.
    let stamp = stamps::of(recipe)?;
    for reference in (recipe.make)(cache)? {
        say::answer(&reference);
    }
    stamps::keep(cache, recipe, &stamp)?;
    Store::new(cache).prune(Duration::from_hours(1))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    static MADE: AtomicUsize = AtomicUsize::new(0);

    #[test]
    fn those_that_wait_find_it_made_and_a_change_makes_it_again() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path());
        let recipe = Recipe {
            name: "test",
            sources: &["images/pause.rs"],
            is_there: |_| MADE.load(Ordering::SeqCst) > 0,
            make: |_| {
                std::thread::sleep(Duration::from_millis(100));
                MADE.fetch_add(1, Ordering::SeqCst);
                Ok(Vec::new())
            },
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| make_unless_current(&cache, &recipe).unwrap());
            }
        });
        assert_eq!(MADE.load(Ordering::SeqCst), 1);
        let changed = Recipe { sources: &["images/pause.rs", "Cargo.toml"], ..recipe };
        assert!(make_unless_current(&cache, &changed).unwrap());
        assert!(!make_unless_current(&cache, &changed).unwrap());
    }
}
