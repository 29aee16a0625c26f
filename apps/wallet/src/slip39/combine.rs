//! Combining: enough members give a group's part, enough parts the secret.

use super::{SlipError, cipher, share::Share, sharing, split::check_passphrase};
use crate::secret::{SecretBytes, SecretText};
use std::collections::BTreeMap;

/// The secret that shares give with a passphrase. Shares beyond what is needed are checked only
/// against those of their place; a wrong passphrase gives another secret.
///
/// # Errors
///
/// Shares are of different splits, too few, or do not fit together.
pub fn combine(shares: &[Share], passphrase: &SecretText) -> Result<SecretBytes, SlipError> {
    check_passphrase(passphrase)?;
    let first = shares.first().ok_or(SlipError::None)?;
    let groups = grouped(shares, first)?;
    let needed = first.common.group_threshold;
    let complete = || {
        groups.iter().filter(|(_, members)| {
            let threshold = members.first().map_or(u8::MAX, |share| share.member_threshold);
            members.len() >= usize::from(threshold)
        })
    };
    let found = complete().count();
    if found < usize::from(needed) {
        let found = u8::try_from(found).expect("it is below a number of eight bits");
        return Err(SlipError::TooFew { found, needed });
    }
    let mut parts = Vec::with_capacity(usize::from(needed));
    for (index, members) in complete().take(usize::from(needed)) {
        let threshold = members.first().map_or(1, |share| share.member_threshold);
        let points: Vec<sharing::Point> = members
            .iter()
            .take(usize::from(threshold))
            .map(|share| (share.member, share.value.clone()))
            .collect();
        parts.push((*index, sharing::recover(threshold, &points)?));
    }
    let encrypted = sharing::recover(needed, &parts)?;
    let mut secret = cipher::decrypt(&encrypted, passphrase.expose(), &first.common);
    Ok(SecretBytes::new(std::mem::take(&mut *secret)))
}

/// The shares of each group, each once.
fn grouped<'a>(
    shares: &'a [Share],
    first: &Share,
) -> Result<BTreeMap<u8, Vec<&'a Share>>, SlipError> {
    let mut groups: BTreeMap<u8, Vec<&Share>> = BTreeMap::new();
    for (at, share) in shares.iter().enumerate() {
        let number = at + 1;
        if share.common != first.common || share.value.len() != first.value.len() {
            return Err(SlipError::Foreign(number));
        }
        let group = groups.entry(share.group).or_default();
        if group.first().is_some_and(|other| other.member_threshold != share.member_threshold) {
            return Err(SlipError::Member(number));
        }
        match group.iter().find(|other| other.member == share.member) {
            Some(other) if other.value == share.value => {}
            Some(_) => return Err(SlipError::Duplicate(number)),
            None => group.push(share),
        }
    }
    Ok(groups)
}
