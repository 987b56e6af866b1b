//! The images of the testbed, each made here from Debian packages, Go modules or our own sources. It never pulls one.

pub mod oci;
pub mod recipes;
pub mod registry;
pub mod standin;

use anyhow::{Result, bail};

use crate::failure::Failure;
use crate::paths::Cache;
use crate::say;

use recipes::RECIPES;

/// Builds the named images, or all of them.
pub fn build(cache: &Cache, names: &[String]) -> Result<()> {
    for name in names {
        if !RECIPES.iter().any(|recipe| recipe.name == name) {
            let known: Vec<&str> = RECIPES.iter().map(|recipe| recipe.name).collect();
            bail!(Failure::new(format!("no image is called {name}"), format!("testbed images {}", known.join(" "))));
        }
    }
    for recipe in RECIPES.iter().filter(|recipe| names.is_empty() || names.iter().any(|name| name == recipe.name)) {
        say::step(&format!("image {}", recipe.name));
        for reference in (recipe.make)(cache)? {
            say::answer(&reference);
        }
    }
    Ok(())
}

/// Builds those of the named images that are not in the cache yet.
pub fn ensure(cache: &Cache, names: &[&str]) -> Result<()> {
    for recipe in RECIPES.iter().filter(|recipe| names.contains(&recipe.name)) {
        if !(recipe.is_there)(&oci::Store::new(cache)) {
            say::step(&format!("building the image {}", recipe.name));
            (recipe.make)(cache)?;
        }
    }
    Ok(())
}
