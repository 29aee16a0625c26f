//! What the compiler puts behind a code: Solidity's documentation, "Encoding of the Metadata Hash
//! in the Bytecode". A map in CBOR (RFC 8949), and its length in two bytes.

/// Entries that are read: the compiler writes three at most.
const ENTRIES_MAX: u8 = 8;

/// What stands there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Metadata {
    /// The compiler's version.
    pub(super) solc: Option<String>,
    /// The hash of the metadata, as a CIDv0's bytes.
    pub(super) ipfs: Option<Vec<u8>>,
    /// Its bytes, the length included.
    pub(super) size: usize,
}

impl Metadata {
    /// Reads it; `None` if there is none.
    pub(super) fn of(code: &[u8]) -> Option<Self> {
        let (rest, length) = code.split_last_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length));
        let mut reader = Reader(rest.get(rest.len().checked_sub(length)?..)?);
        let entries = reader.head(5)?;
        if entries == 0 || entries > usize::from(ENTRIES_MAX) {
            return None;
        }
        let mut found = Self { size: length + 2, ..Self::default() };
        for _ in 0..entries {
            let length = reader.head(3)?;
            let name = reader.take(length)?;
            // The flag `experimental` is true.
            if reader.0.first() == Some(&0xf5) {
                reader.take(1)?;
                continue;
            }
            let is_text = reader.0.first().is_some_and(|byte| byte >> 5 == 3);
            let length = reader.head(if is_text { 3 } else { 2 })?;
            let value = reader.take(length)?;
            match name {
                b"solc" => found.solc = Some(version(value, is_text)?),
                b"ipfs" => found.ipfs = Some(value.to_vec()),
                _ => {}
            }
        }
        reader.0.is_empty().then_some(found)
    }
}

fn version(value: &[u8], is_text: bool) -> Option<String> {
    match value {
        [major, minor, patch] if !is_text => Some(format!("{major}.{minor}.{patch}")),
        // Versions that were not released are text.
        text if is_text => std::str::from_utf8(text).ok().map(str::to_owned),
        _ => None,
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The length of an item of a major type.
    fn head(&mut self, major: u8) -> Option<usize> {
        let first = *self.take(1)?.first()?;
        if first >> 5 != major {
            return None;
        }
        match first & 0x1f {
            short @ 0..24 => Some(usize::from(short)),
            24 => self.take(1)?.first().copied().map(usize::from),
            _ => None,
        }
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;

    /// The end of a code that solc 0.8.37 made.
    const END: [u8; 53] = hex!(
        "a2646970667358221220aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899
         64736f6c63430008250033"
    );

    #[test]
    fn reads_the_version_of_the_compiler() {
        let code = [&hex!("6001600055")[..], &END].concat();
        let found = Metadata::of(&code).unwrap();
        assert_eq!(found.solc.as_deref(), Some("0.8.37"));
        assert_eq!((found.ipfs.unwrap().len(), found.size), (34, 53));
    }

    #[test]
    fn what_is_cut_or_changed_is_no_panic() {
        for end in 0..END.len() {
            assert_eq!(Metadata::of(&END[..end]), None);
        }
        for at in 0..END.len() {
            for byte in 0..=255 {
                let mut code = END;
                code[at] = byte;
                Metadata::of(&code);
            }
        }
    }
}
