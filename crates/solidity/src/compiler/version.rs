//! Versions of solc.
//!
//! In: `0.8.37`, `v0.8.37+commit.f401782d`, or that with `.Emscripten.clang` behind. Out: a
//! [`Version`]; pre-releases are refused, for npm has none.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A version of solc, perhaps with the commit that it was built of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    major: u16,
    minor: u16,
    patch: u16,
    commit: Option<String>,
}

/// A text that is no version of solc.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no version of solc; write it as 0.8.37 or v0.8.37+commit.f401782d")]
pub struct VersionError(String);

impl Version {
    /// The version without commit: `0.8.37`.
    pub fn short(&self) -> String {
        format!("{}.{}.{}", self.major, self.minor, self.patch)
    }

    /// Whether both name the same release, as far as both are told.
    pub fn agrees_with(&self, other: &Self) -> bool {
        let commits = self.commit.as_ref().zip(other.commit.as_ref());
        self.short() == other.short() && commits.is_none_or(|(one, another)| one == another)
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let error = || VersionError(text.chars().take(80).collect());
        let text_of = text.trim();
        let text_of = text_of.strip_prefix('v').unwrap_or(text_of);
        let (numbers, build) = match text_of.split_once('+') {
            Some((numbers, build)) => (numbers, Some(build)),
            None => (text_of, None),
        };
        let mut parts = numbers.split('.').map(|part| {
            let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| part.parse::<u16>().ok()).flatten().ok_or_else(error)
        });
        let mut next = || parts.next().ok_or_else(error)?;
        let (major, minor, patch) = (next()?, next()?, next()?);
        if parts.next().is_some() {
            return Err(error());
        }
        let commit = match build {
            None => None,
            Some(build) => {
                let hash = build.strip_prefix("commit.").ok_or_else(error)?;
                let hash = hash.split('.').next().unwrap_or_default();
                let is_hash = (6..=40).contains(&hash.len())
                    && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
                Some(is_hash.then(|| hash.to_ascii_lowercase()).ok_or_else(error)?)
            }
        };
        Ok(Self { major, minor, patch, commit })
    }
}

impl fmt::Display for Version {
    /// `0.8.37`, or `v0.8.37+commit.f401782d` where the commit is known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.commit {
            Some(commit) => write!(f, "v{}+commit.{commit}", self.short()),
            None => f.write_str(&self.short()),
        }
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

impl TryFrom<String> for Version {
    type Error = VersionError;

    fn try_from(text: String) -> Result<Self, VersionError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_short_versions_agree_as_far_as_both_are_told() {
        let version = |text: &str| text.parse::<Version>().unwrap();
        let long = version("v0.8.37+commit.f401782d.Emscripten.clang");
        assert_eq!(long.to_string(), "v0.8.37+commit.f401782d");
        assert!(long.agrees_with(&version("0.8.37")));
        assert!(!long.agrees_with(&version("0.8.37+commit.deadbeef")));
        assert!(!long.agrees_with(&version("0.8.36")));
        assert!(version("0.8.9") < version("0.8.10"));
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for text in ["", "0.8", "0.8.1.2", "0.8.x", "0.8.1-nightly", "0.8.1+commit.x", "../0.8.1"] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }
}
