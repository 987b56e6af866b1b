//! The images of the testbed, each made here from Debian packages, Go modules or our own sources. It never pulls one.

pub mod oci;
pub mod recipes;
pub mod registry;
mod search;
mod stamps;
pub mod standin;

use anyhow::{Result, bail};

use crate::failure::Failure;
use crate::paths::Cache;
use crate::say;

use oci::Store;
use recipes::{RECIPES, Recipe};

/// Builds the named images, or all of them, where their sources changed since they were made.
pub fn build(cache: &Cache, names: &[String]) -> Result<()> {
    for name in names {
        if !RECIPES.iter().any(|recipe| recipe.name == name) {
            let known: Vec<&str> = RECIPES.iter().map(|recipe| recipe.name).collect();
            bail!(Failure::new(format!("no image is called {name}"), format!("testbed images {}", known.join(" "))));
        }
    }
    for recipe in RECIPES.iter().filter(|recipe| names.is_empty() || names.iter().any(|name| name == recipe.name)) {
        if is_current(cache, recipe)? {
            say::step(&format!("the image {} is up to date", recipe.name));
        } else {
            make(cache, recipe)?;
        }
    }
    Ok(())
}

/// Builds those of the named images that are not there, or are older than their sources.
pub fn ensure(cache: &Cache, names: &[&str]) -> Result<()> {
    for recipe in RECIPES.iter().filter(|recipe| names.contains(&recipe.name)) {
        if !is_current(cache, recipe)? {
            make(cache, recipe)?;
        }
    }
    Ok(())
}

/// Builds again what was built before and is older than its sources.
pub fn refresh(cache: &Cache) -> Result<()> {
    for recipe in RECIPES.iter().filter(|recipe| (recipe.is_there)(&Store::new(cache))) {
        if !stamps::is_fresh(cache, recipe)? {
            make(cache, recipe)?;
        }
    }
    Ok(())
}

fn is_current(cache: &Cache, recipe: &Recipe) -> Result<bool> {
    Ok((recipe.is_there)(&Store::new(cache)) && stamps::is_fresh(cache, recipe)?)
}

fn make(cache: &Cache, recipe: &Recipe) -> Result<()> {
    say::step(&format!("building the image {}", recipe.name));
    // Taken before: what changes while it is made is made again the next time.
    let stamp = stamps::of(recipe.sources)?;
    for reference in (recipe.make)(cache)? {
        say::answer(&reference);
    }
    stamps::keep(cache, recipe, &stamp)
}
