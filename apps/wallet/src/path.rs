//! Derivation paths of BIP-32, as BIP-44 writes them.

use std::{fmt, str::FromStr};

/// From this index on children are hardened: 2^31 (BIP-32).
pub const HARDENED: u32 = 1 << 31;
/// The path of Ethereum accounts (BIP-44, coin type 60 of SLIP-44); the account's number follows.
pub const ETHEREUM: &str = "m/44'/60'/0'/0";
/// Most levels: the depth of an extended key is one byte.
pub const DEPTH_MAX: usize = 255;

/// Why text is no path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It does not begin with `m`.
    #[error("a path begins with m, as m/44'/60'/0'/0/0 does")]
    Root,
    /// A level is no number below 2^31.
    #[error("level {0} is no number from 0 to 2147483647, with ' behind it if it is hardened")]
    Level(usize),
    /// There are more levels than an extended key can have.
    #[error("a path has at most {DEPTH_MAX} levels")]
    Depth,
}

/// The way from a key to one of its descendants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DerivationPath(Vec<u32>);

impl DerivationPath {
    /// The indices, hardened ones from 2^31 on.
    pub fn indices(&self) -> &[u32] {
        &self.0
    }

    /// The path one level on.
    ///
    /// # Errors
    ///
    /// [`PathError::Depth`], or [`PathError::Level`] when the index has to be hardened.
    pub fn child(&self, index: u32) -> Result<Self, PathError> {
        if index >= HARDENED {
            return Err(PathError::Level(self.0.len() + 1));
        }
        if self.0.len() == DEPTH_MAX {
            return Err(PathError::Depth);
        }
        Ok(Self(self.0.iter().copied().chain([index]).collect()))
    }
}

impl FromStr for DerivationPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let mut parts = text.split('/');
        if parts.next() != Some("m") {
            return Err(PathError::Root);
        }
        let mut indices = Vec::new();
        for (position, part) in parts.enumerate() {
            if position == DEPTH_MAX {
                return Err(PathError::Depth);
            }
            let number = part.strip_suffix(['\'', 'h', 'H']);
            let (number, base) = number.map_or((part, 0), |number| (number, HARDENED));
            // Rust's numbers may have a sign, those of paths may not.
            let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            let index = number.parse::<u32>().ok().filter(|index| is_number && *index < HARDENED);
            indices.push(base + index.ok_or(PathError::Level(position + 1))?);
        }
        Ok(Self(indices))
    }
}

impl fmt::Display for DerivationPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("m")?;
        self.0.iter().try_for_each(|index| match index.checked_sub(HARDENED) {
            Some(index) => write!(f, "/{index}'"),
            None => write!(f, "/{index}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn refuses_what_is_no_path() {
        for (text, error) in [
            ("", PathError::Root),
            ("44'/60'", PathError::Root),
            ("M/0", PathError::Root),
            ("m/", PathError::Level(1)),
            ("m//1", PathError::Level(1)),
            ("m/0/+1", PathError::Level(2)),
            ("m/-1", PathError::Level(1)),
            ("m/2147483648", PathError::Level(1)),
            ("m/4294967296", PathError::Level(1)),
            ("m/0''", PathError::Level(1)),
            ("m/٣", PathError::Level(1)),
        ] {
            assert_eq!(text.parse::<DerivationPath>(), Err(error), "{text}");
        }
        assert_eq!(
            format!("m{}", "/1".repeat(256)).parse::<DerivationPath>(),
            Err(PathError::Depth)
        );
        assert!(format!("m{}", "/1".repeat(255)).parse::<DerivationPath>().is_ok());
    }

    #[test]
    fn hardened_indices_begin_at_the_31st_power_of_two() {
        for text in ["m/44'/2147483647'", "m/44h/2147483647H"] {
            let path: DerivationPath = text.parse().unwrap();
            assert_eq!(path.indices(), [HARDENED + 44, u32::MAX]);
        }
        assert_eq!("m".parse::<DerivationPath>().unwrap().indices(), [0_u32; 0]);
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read(indices in prop::collection::vec(any::<u32>(), 0..=DEPTH_MAX)) {
            let path = DerivationPath(indices);
            prop_assert_eq!(path.to_string().parse::<DerivationPath>().unwrap(), path);
        }
    }
}
