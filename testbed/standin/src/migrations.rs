//! The migration folders of this image, and their SQL cut into statements. It never runs one.
//!
//! Source: folders and files of facts 10.1, names and not releases count (facts 10.2), a statement is known by the MD5 of its
//! text with the comment before it (facts 3.6). Assumption: a line that ends in a semicolon ends a statement; the folders'
//! own SQL is ours, in the spirit of what upstream's does.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::settings::Engine;
use crate::version::{self, Version};

/// Where the real image has them, as its configuration says it: below its home.
pub const FOLDER: &str = "./bootstrap/sql/migrations/native";

/// The folders of this image.
pub fn of_this_image(engine: Engine) -> Result<Vec<Migration>> {
    read(&version::home().join(FOLDER), engine)
}

/// One folder.
#[derive(Debug, Clone)]
pub struct Migration {
    /// The folder's name, which becomes the row's version.
    pub name: String,
    /// The name as numbers.
    pub version: Version,
    /// The statements of `schemaChanges.sql`.
    pub schema: Vec<Statement>,
    /// The statements of `postDataMigrationSQLScript.sql`.
    pub post: Vec<Statement>,
}

/// One statement and what the log of statements knows it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The SQL, with the comment before it.
    pub sql: String,
    /// MD5 of that text.
    pub checksum: String,
}

/// All folders in the order of their versions, for one kind of database.
fn read(root: &Path, engine: Engine) -> Result<Vec<Migration>> {
    let entries = fs::read_dir(root).with_context(|| format!("cannot read {}", root.display()))?;
    let engine = if engine == Engine::Mysql { "mysql" } else { "postgres" };
    let mut found: Vec<Migration> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = Version::parse(&name)?;
            let statements = |file: &str| {
                let text = fs::read_to_string(entry.path().join(engine).join(file)).unwrap_or_default();
                cut(&text)
            };
            let schema = statements("schemaChanges.sql");
            let post = statements("postDataMigrationSQLScript.sql");
            Some(Migration { name, version, schema, post })
        })
        .collect();
    found.sort_by_key(|migration| migration.version);
    Ok(found)
}

/// Cuts a file at the lines that end in a semicolon.
fn cut(text: &str) -> Vec<Statement> {
    let mut statements = Vec::new();
    let mut current = String::new();
    for line in text.lines() {
        if !current.is_empty() {
            current.push('\n');
        }
        current.push_str(line);
        if line.trim_end().ends_with(';') && !line.trim_start().starts_with("--") {
            let sql = current.trim().trim_end_matches(';').to_owned();
            let checksum = format!("{:x}", md5::compute(sql.as_bytes()));
            statements.push(Statement { sql, checksum });
            current.clear();
        }
    }
    statements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_belongs_to_the_statement_after_it() {
        let statements = cut("-- why\nCREATE TABLE a (\n  x INT\n);\n\nDROP TABLE b;\n-- nothing follows\n");
        assert_eq!(statements.len(), 2);
        assert_eq!(statements[0].sql, "-- why\nCREATE TABLE a (\n  x INT\n)");
        assert_ne!(statements[0].checksum, statements[1].checksum);
    }

    #[test]
    fn the_repository_has_the_same_folders_for_both_engines() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        let (postgres, mysql) = (read(&root, Engine::Postgres).unwrap(), read(&root, Engine::Mysql).unwrap());
        assert!(postgres.len() > 4);
        for (postgres, mysql) in postgres.iter().zip(&mysql) {
            assert_eq!(postgres.name, mysql.name);
            assert_eq!(postgres.schema.len(), mysql.schema.len(), "{}", postgres.name);
        }
        assert!(postgres.is_sorted_by_key(|migration| migration.version));
    }
}
