//! Versions of releases and of migration folders, compared as three numbers. It never compares them as text.
//!
//! Source: three numbers, suffixes left out (facts 3.7); folders by their names (facts 10.2).

use std::path::PathBuf;

/// A version as the real tool orders it: suffixes and a fourth number do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u32, pub u32, pub u32);

impl Version {
    /// Reads `1.13.1`, `v1.13.1`, `1.13.1-collate`; nothing else is one.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let text = text.split(['-', '+']).next()?;
        let mut numbers = text.split('.').map(|number| number.parse::<u32>().ok());
        let (major, minor, patch) = (numbers.next()??, numbers.next()??, numbers.next()??);
        Some(Self(major, minor, patch))
    }
}

/// Where the real image has everything; `STANDIN_HOME` moves it for tests.
pub fn home() -> PathBuf {
    std::env::var_os("STANDIN_HOME").map_or_else(|| PathBuf::from("/opt/openmetadata"), PathBuf::from)
}

/// The release that this image plays.
pub fn of_this_image() -> String {
    std::fs::read_to_string(home().join("VERSION")).map_or_else(|_| "0.0.0".to_owned(), |text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn numbers_not_letters() {
        assert!(Version::parse("1.9.9") < Version::parse("1.13.0"));
        assert_eq!(Version::parse("v1.13.1-collate"), Some(Version(1, 13, 1)));
        assert_eq!(Version::parse("data"), None);
    }
}
