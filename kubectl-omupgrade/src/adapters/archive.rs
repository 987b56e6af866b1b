//! Writes a support bundle: a gzipped tar of named texts. Looks into none of them.

use crate::diagnose::bundle::File;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::path::Path;

/// Writes the files below one folder of the archive. A bundle that could not be finished is not left behind.
pub fn write(to: &Path, folder: &str, files: &[File], made: i64) -> std::io::Result<()> {
    let parent = to.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(parent)?;
    let mut tar = tar::Builder::new(GzEncoder::new(temporary.as_file_mut(), Compression::default()));
    for file in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(file.text.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(made).unwrap_or(0));
        tar.append_data(&mut header, format!("{folder}/{}", file.name), file.text.as_bytes())?;
    }
    tar.into_inner()?.finish()?.flush()?;
    temporary.persist(to).map_err(|e| e.error)?;
    Ok(())
}
