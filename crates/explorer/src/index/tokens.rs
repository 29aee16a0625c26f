//! Tokens: who has what after a block.
//!
//! What an ERC-20 token says that a holder has is taken for true, as amounts may change in other
//! ways than by transfers. Where it cannot be asked, or does not answer, amounts are added and
//! taken away. Items of ERC-721 and amounts of ERC-1155 change by their events alone, by the words
//! of the standards.

use super::{
    IndexError,
    contract_reads::Questions,
    draft::Draft,
    keys::{self, Key, Parts},
    records::{Class, Token, Transfer},
};
use alloy_primitives::{Address, Log, U256};
use std::collections::{BTreeMap, BTreeSet};

/// Items of an owner that leave or come, in the order of the logs.
#[derive(Debug)]
struct Movement {
    token: Address,
    class: Class,
    transfer: Transfer,
}

/// The token transfers of a block.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    counts: BTreeMap<(Address, Class), u64>,
    movements: Vec<Movement>,
}

impl Tokens {
    /// Lists a transfer.
    pub(crate) fn add(
        &mut self,
        draft: &mut Draft,
        block: u64,
        log: &Log,
        (log_index, item): (u32, u32),
        class: Class,
        transfer: Transfer,
    ) {
        let token = log.address;
        let place = |key: Key| key.long(block).short(log_index).short(item);
        let of = |who| place(Key::new(keys::TRANSFER_OF).address(who).byte(class as u8));
        for who in BTreeSet::from([transfer.from, transfer.to]) {
            if !who.is_zero() {
                draft.add(of(who), token.as_slice());
            }
        }
        let of_token = place(Key::new(keys::TOKEN_TRANSFER).address(token).byte(class as u8));
        draft.add(of_token, &alloy_rlp::encode(&transfer));
        if class != Class::Erc20 {
            let of_item = Key::new(keys::NFT_TRANSFER).address(token).number(transfer.id);
            draft.add(place(of_item), &[class as u8]);
        }
        *self.counts.entry((token, class)).or_default() += 1;
        self.movements.push(Movement { token, class, transfer });
    }

    /// Brings balances, owners and the tokens themselves up to date.
    pub(crate) fn write(
        self,
        draft: &mut Draft,
        block: u64,
        questions: &mut Questions<'_>,
    ) -> Result<(), IndexError> {
        let mut book = Book { draft, holders: BTreeMap::new() };
        let mut asked: BTreeSet<(Address, Address)> = BTreeSet::new();
        for Movement { token, class, transfer } in &self.movements {
            let Transfer { from, to, id, amount, .. } = transfer;
            match class {
                Class::Erc20 => {
                    book.change(*token, *class, *from, |before| before.saturating_sub(*amount))?;
                    book.change(*token, *class, *to, |before| before.saturating_add(*amount))?;
                    asked.extend([(*token, *from), (*token, *to)]);
                }
                Class::Erc721 => book.item(*token, *id, *to)?,
                Class::Erc1155 => {
                    let left =
                        book.amount(*token, *id, *from, |had| had.saturating_sub(*amount))?;
                    book.change(*token, *class, *from, |had| had.saturating_sub(left))?;
                    let came = book.amount(*token, *id, *to, |had| had.saturating_add(*amount))?;
                    book.change(*token, *class, *to, |had| had.saturating_add(came))?;
                }
            }
        }
        for (token, holder) in asked {
            if holder.is_zero() {
                continue;
            }
            if let Some(balance) = questions.balance_of(token, holder) {
                book.change(token, Class::Erc20, holder, |_| balance)?;
            }
        }
        let Book { draft, holders } = book;
        for ((token, class), count) in self.counts {
            let key = Key::new(keys::TOKEN).address(token).byte(class as u8).build();
            let mut record = match draft.record::<Token>(&key)? {
                Some(record) => record,
                None => first_seen(draft, token, block, questions)?,
            };
            record.transfers += count;
            let change = holders.get(&(token, class)).copied().unwrap_or_default();
            record.holders = record.holders.saturating_add_signed(change);
            draft.put_record(key, &record)?;
        }
        Ok(())
    }
}

fn first_seen(
    draft: &mut Draft,
    token: Address,
    block: u64,
    questions: &mut Questions<'_>,
) -> Result<Token, IndexError> {
    let (name, symbol, decimals) = questions.metadata(token);
    for text in [&name, &symbol] {
        let lower = text.to_lowercase();
        if !lower.is_empty() {
            let key = Key::new(keys::NAME).bytes(lower.as_bytes()).byte(0).address(token).build();
            draft.put(key, Some(b"token".to_vec()))?;
        }
    }
    let decimals = decimals.map_or(NO_DECIMALS, u64::from);
    Ok(Token { name, symbol, decimals, first_block: block, transfers: 0, holders: 0 })
}

/// Stands for a token that does not say how many decimals it has.
pub(crate) const NO_DECIMALS: u64 = 256;

struct Book<'d> {
    draft: &'d mut Draft,
    /// How many more holders there are than before.
    holders: BTreeMap<(Address, Class), i64>,
}

impl Book<'_> {
    /// Changes what somebody has of a token.
    fn change(
        &mut self,
        token: Address,
        class: Class,
        holder: Address,
        change: impl FnOnce(U256) -> U256,
    ) -> Result<(), IndexError> {
        if holder.is_zero() {
            return Ok(());
        }
        let key = Key::new(keys::BALANCE).address(holder).byte(class as u8).address(token).build();
        let before = self.amount_at(&key)?;
        let after = change(before);
        if before == after {
            return Ok(());
        }
        let prefix = Key::new(keys::HOLDER).address(token).byte(class as u8);
        self.rank(&prefix, holder, before, after)?;
        let more = i64::from(!after.is_zero()) - i64::from(!before.is_zero());
        *self.holders.entry((token, class)).or_default() += more;
        self.set_amount(key, after)
    }

    /// Gives an item of ERC-721 to somebody; the zero address stands for nobody.
    fn item(&mut self, token: Address, id: U256, to: Address) -> Result<(), IndexError> {
        let class = Class::Erc721;
        let key = Key::new(keys::NFT_OWNER).address(token).number(id).build();
        let before = self.draft.get(&key)?;
        let before = before.and_then(|bytes| Parts::of_value(&bytes).address());
        if before == Some(to) {
            return Ok(());
        }
        if let Some(before) = before {
            self.change(token, class, before, |had| had.saturating_sub(U256::ONE))?;
            self.draft.put(inventory(before, class, token, id), None)?;
        }
        if to.is_zero() {
            return self.draft.put(key, None);
        }
        self.change(token, class, to, |had| had.saturating_add(U256::ONE))?;
        self.draft.put(inventory(to, class, token, id), Some(U256::ONE.to_be_bytes_vec()))?;
        self.draft.put(key, Some(to.to_vec()))
    }

    /// Changes how many of an ERC-1155 id somebody has. Gives by how much.
    fn amount(
        &mut self,
        token: Address,
        id: U256,
        holder: Address,
        change: impl FnOnce(U256) -> U256,
    ) -> Result<U256, IndexError> {
        if holder.is_zero() {
            return Ok(U256::ZERO);
        }
        let key = inventory(holder, Class::Erc1155, token, id);
        let before = self.amount_at(&key)?;
        let after = change(before);
        if before != after {
            let prefix = Key::new(keys::ID_HOLDER).address(token).number(id);
            self.rank(&prefix, holder, before, after)?;
            self.set_amount(key, after)?;
        }
        Ok(before.abs_diff(after))
    }

    /// Moves a holder in a list by amount.
    ///
    /// Not part of the generic functions that call it: there rustc 1.95 takes the bytes of `after`
    /// for those of `before`, when it optimises (see CONTRIBUTING.md).
    fn rank(
        &mut self,
        prefix: &Key,
        holder: Address,
        before: U256,
        after: U256,
    ) -> Result<(), IndexError> {
        if !before.is_zero() {
            let key = prefix.clone().number(before).address(holder).build();
            self.draft.put(key, None)?;
        }
        if !after.is_zero() {
            let key = prefix.clone().number(after).address(holder).build();
            self.draft.put(key, Some(Vec::new()))?;
        }
        Ok(())
    }

    fn amount_at(&self, key: &[u8]) -> Result<U256, IndexError> {
        let bytes = self.draft.get(key)?;
        let number = |bytes: Vec<u8>| U256::try_from_be_slice(&bytes);
        match bytes {
            None => Ok(U256::ZERO),
            Some(bytes) => number(bytes).ok_or_else(|| IndexError::damaged(key)),
        }
    }

    fn set_amount(&mut self, key: Vec<u8>, amount: U256) -> Result<(), IndexError> {
        let value = (!amount.is_zero()).then(|| amount.to_be_bytes_trimmed_vec());
        self.draft.put(key, value)
    }
}

fn inventory(owner: Address, class: Class, token: Address, id: U256) -> Vec<u8> {
    let key = Key::new(keys::INVENTORY).address(owner).byte(class as u8);
    key.address(token).number(id).build()
}
