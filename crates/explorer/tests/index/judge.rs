//! The index must say what the walk found, and nothing else.

use crate::{
    chain::TestChain,
    walk::{Call, Moved, Node, Walk},
};
use alloy_primitives::{Address, B256, U256};
use heddle_explorer::{Class, IndexReader, LogFilter, Page, Place, Roles, TransferEntry};
use std::collections::{BTreeMap, BTreeSet};

const ALL: Page = Page::newest(usize::MAX);

pub(crate) fn judge(walk: &Walk, index: &IndexReader, chain: &TestChain) {
    blocks(walk, index);
    lists(walk, index);
    logs(walk, index);
    contracts(walk, index);
    transfers(walk, index);
    figures(walk, index);
    let node = Node::new(chain);
    amounts(walk, index, &node);
    items(walk, index, &node);
    kinds(walk, index, &node);
    if chain.has_tokens() {
        metadata(walk, index);
    }
    nothing_else(walk, index);
}

fn blocks(walk: &Walk, index: &IndexReader) {
    for (number, facts) in &walk.blocks {
        let block = index.block(*number).unwrap().unwrap();
        assert_eq!(block.hash, facts.hash, "{number}");
        let figures = [
            (block.transactions, facts.transactions, "transactions"),
            (block.failed, facts.failed, "failed"),
            (block.logs, facts.logs, "logs"),
            (block.internal, facts.internal, "internal"),
            (block.transfers, facts.transfers, "transfers"),
            (block.contracts, facts.contracts, "contracts"),
            (block.waiting, facts.waiting, "waiting"),
            (block.critical_gas, facts.critical_gas, "critical gas"),
        ];
        for (found, expected, what) in figures {
            assert_eq!(found, expected, "{what} of block {number}");
        }
        assert_eq!((block.burned, block.tips), (facts.burned, facts.tips), "{number}");
        assert_eq!(block.traced, *number > 0);
        let most = facts.waits.values().map(|wait| wait.0).max().unwrap_or_default();
        assert_eq!(block.hot.first().map_or(0, |slot| slot.waits), most, "{number}");
        for slot in &block.hot {
            assert_eq!(facts.waits[&(slot.address, slot.slot)], (slot.waits, slot.gas));
        }
    }
    let mut slots: BTreeMap<(Address, U256), (u64, u64, u64, u64)> = BTreeMap::new();
    for (number, facts) in &walk.blocks {
        for (slot, (waits, gas)) in &facts.waits {
            let sum = slots.entry(*slot).or_default();
            *sum = (sum.0 + waits, sum.1 + gas, sum.2 + 1, *number);
        }
    }
    for ((address, slot), expected) in &slots {
        let found = index.slot(*address, *slot).unwrap().unwrap();
        assert_eq!((found.waits, found.gas, found.blocks, found.last_block), *expected);
    }
    let addresses: BTreeSet<Address> = slots.keys().map(|(address, _)| *address).collect();
    for address in addresses {
        let found = index.slots_of(address, usize::MAX).unwrap().len();
        assert_eq!(found, slots.keys().filter(|(of, _)| *of == address).count());
    }
    let hours = index.hours(0, u64::MAX).unwrap();
    assert_eq!(hours, walk.hours.clone().into_iter().collect::<Vec<_>>());
}

fn lists(walk: &Walk, index: &IndexReader) {
    for (address, places) in &walk.roles {
        let expected: Vec<(Place, Roles)> =
            places.iter().rev().map(|(place, roles)| (*place, Roles(*roles))).collect();
        assert_eq!(index.transactions_of(*address, ALL).unwrap(), expected, "{address}");
        // By pages, from both ends.
        let mut paged = Vec::new();
        let mut page = Page::newest(3);
        loop {
            let found = index.transactions_of(*address, page).unwrap();
            let Some((last, _)) = found.last().copied() else { break };
            paged.extend(found);
            page = Page::before(last, 3);
        }
        assert_eq!(paged, expected, "{address}");
        let ascending = Page { ascending: true, ..ALL };
        let mut found = index.transactions_of(*address, ascending).unwrap();
        found.reverse();
        assert_eq!(found, expected);
    }
    for (address, places) in &walk.internal {
        let found = index.internal_of(*address, ALL).unwrap();
        let expected: Vec<Place> = places.iter().rev().copied().collect();
        assert_eq!(found.iter().map(|(place, _)| *place).collect::<Vec<_>>(), expected);
    }
    let found = index.internal_calls(Page { ascending: true, ..ALL }).unwrap();
    assert_eq!(found.len(), walk.calls.len());
    for ((place, found), (expected_place, expected)) in found.into_iter().zip(&walk.calls) {
        assert_eq!(place, *expected_place);
        let kind = match found.opcode {
            0xf0 => "CREATE",
            0xf1 => "CALL",
            0xf2 => "CALLCODE",
            0xf4 => "DELEGATECALL",
            0xf5 => "CREATE2",
            _ => "SELFDESTRUCT",
        };
        let call = Call {
            kind: kind.to_owned(),
            from: found.from,
            to: found.to,
            value: found.value,
            gas: found.gas,
            gas_used: found.gas_used,
            selector: found.selector,
            reverted: found.reverted,
        };
        assert_eq!(call, *expected, "{place:?}");
    }
}

fn logs(walk: &Walk, index: &IndexReader) {
    let newest_first = |places: &mut Vec<Place>| places.sort_by(|a, b| b.cmp(a));
    for (address, places) in &walk.logs {
        let filter = LogFilter { address: Some(*address), topic: None };
        let mut expected = places.clone();
        newest_first(&mut expected);
        assert_eq!(index.logs(&filter, ALL).unwrap(), expected);
    }
    for (topic, entries) in &walk.topics {
        for position in 0..4 {
            let filter = LogFilter { address: None, topic: Some((position, *topic)) };
            let at = |(_, at, _): &&(Place, usize, Address)| *at <= position as usize;
            let mut expected: Vec<Place> = entries.iter().filter(at).map(|entry| entry.0).collect();
            newest_first(&mut expected);
            assert_eq!(index.logs(&filter, ALL).unwrap(), expected, "{topic}");
        }
    }
}

fn contracts(walk: &Walk, index: &IndexReader) {
    for (contract, creation) in &walk.creations {
        assert_eq!(index.creation(*contract).unwrap().as_ref(), Some(creation), "{contract}");
    }
    let found = index.contracts(Page { ascending: true, ..ALL }).unwrap();
    assert_eq!(found, walk.created.clone().into_iter().collect::<Vec<_>>());
}

fn same(found: &TransferEntry, expected: &Moved) {
    let transfer = found.transfer.clone();
    let found = Moved {
        place: found.place,
        transaction: transfer.transaction,
        token: found.token,
        class: found.class,
        from: transfer.from,
        to: transfer.to,
        id: transfer.id,
        amount: transfer.amount,
    };
    assert_eq!(found, *expected);
}

fn transfers(walk: &Walk, index: &IndexReader) {
    let mut of: BTreeMap<(Address, Class), Vec<&Moved>> = BTreeMap::new();
    let mut of_token: BTreeMap<(Address, Class), Vec<&Moved>> = BTreeMap::new();
    let mut of_id: BTreeMap<(Address, U256), Vec<&Moved>> = BTreeMap::new();
    for moved in walk.moved.iter().rev() {
        for who in BTreeSet::from([moved.from, moved.to]) {
            if !who.is_zero() {
                of.entry((who, moved.class)).or_default().push(moved);
            }
        }
        of_token.entry((moved.token, moved.class)).or_default().push(moved);
        if moved.class != Class::Erc20 {
            of_id.entry((moved.token, moved.id)).or_default().push(moved);
        }
    }
    let check = |found: Vec<TransferEntry>, expected: &[&Moved]| {
        assert_eq!(found.len(), expected.len());
        found.iter().zip(expected).for_each(|(found, expected)| same(found, expected));
    };
    for ((who, class), expected) in &of {
        check(index.transfers_of(*who, *class, ALL).unwrap(), expected);
    }
    for ((token, class), expected) in &of_token {
        check(index.transfers(*token, *class, ALL).unwrap(), expected);
        let record = index.token(*token, *class).unwrap().unwrap();
        assert_eq!(record.transfers, expected.len() as u64);
        let first = expected.last().map(|moved| moved.place.block);
        assert_eq!(Some(record.first_block), first);
    }
    for ((token, id), expected) in &of_id {
        check(index.transfers_of_id(*token, *id, ALL).unwrap(), expected);
    }
}

fn figures(walk: &Walk, index: &IndexReader) {
    for (address, expected) in &walk.figures {
        let transactions = walk.roles.get(address).map_or(0, BTreeMap::len) as u64;
        let expected = heddle_explorer::AddressFigures { transactions, ..expected.clone() };
        assert_eq!(index.address(*address).unwrap(), expected, "{address}");
    }
}

/// Balances of ERC-20: what the token says, as of the last event about the holder.
fn amounts(walk: &Walk, index: &IndexReader, node: &Node<'_>) {
    let mut last: BTreeMap<(Address, Address), u64> = BTreeMap::new();
    for moved in walk.moved.iter().filter(|moved| moved.class == Class::Erc20) {
        for who in [moved.from, moved.to] {
            last.insert((moved.token, who), moved.place.block);
        }
    }
    let mut ranked: BTreeMap<Address, Vec<(U256, Address)>> = BTreeMap::new();
    for ((token, holder), block) in &last {
        ranked.entry(*token).or_default();
        if holder.is_zero() {
            continue;
        }
        let tag = format!("{block:#x}");
        let expected = node.word(*token, "balanceOf(address)", &[holder.into_word()], &tag);
        let expected = expected.unwrap();
        let found = index.balance(*holder, *token, Class::Erc20).unwrap();
        assert_eq!(found, expected, "{token} {holder}");
        if !expected.is_zero() {
            ranked.entry(*token).or_default().push((expected, *holder));
        }
    }
    ranking(index, Class::Erc20, ranked);
}

fn ranking(index: &IndexReader, class: Class, ranked: BTreeMap<Address, Vec<(U256, Address)>>) {
    let mut held: BTreeMap<Address, Vec<(Address, U256)>> = BTreeMap::new();
    for (token, mut expected) in ranked {
        expected.sort_by(|a, b| b.cmp(a));
        for (amount, holder) in &expected {
            held.entry(*holder).or_default().push((token, *amount));
        }
        let expected: Vec<(Address, U256)> =
            expected.into_iter().map(|(amount, holder)| (holder, amount)).collect();
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = index.holders(token, class, after, 2).unwrap();
            let Some((holder, amount)) = page.last().copied() else { break };
            after = Some((amount, holder));
            found.extend(page);
        }
        assert_eq!(found, expected, "{token}");
        let record = index.token(token, class).unwrap().unwrap();
        assert_eq!(record.holders, expected.len() as u64, "{token}");
    }
    for (holder, expected) in held {
        assert_eq!(index.balances_of(holder, class, None, usize::MAX).unwrap(), expected);
    }
}

/// Owners of ERC-721: what the token says at the end.
fn items(walk: &Walk, index: &IndexReader, node: &Node<'_>) {
    let of_class = walk.moved.iter().filter(|moved| moved.class == Class::Erc721);
    let ids: BTreeSet<(Address, U256)> = of_class.map(|moved| (moved.token, moved.id)).collect();
    let mut counts: BTreeMap<Address, BTreeMap<Address, u64>> = BTreeMap::new();
    for (token, id) in &ids {
        counts.entry(*token).or_default();
        let owner = node.word(*token, "ownerOf(uint256)", &[B256::from(*id)], "latest");
        let owner = owner.map(|word| Address::from_word(word.into()));
        assert_eq!(index.owner(*token, *id).unwrap(), owner, "{token} {id}");
        if let Some(owner) = owner {
            *counts.entry(*token).or_default().entry(owner).or_default() += 1;
            let inventory = index.inventory_of(owner, Class::Erc721, None, usize::MAX).unwrap();
            assert!(inventory.contains(&(*token, *id, U256::ONE)), "{inventory:?}");
        }
    }
    for (token, owners) in &counts {
        let items = index.items(*token, None, usize::MAX).unwrap();
        assert_eq!(items.len() as u64, owners.values().sum::<u64>());
        for (owner, count) in owners {
            let said = node.word(*token, "balanceOf(address)", &[owner.into_word()], "latest");
            assert_eq!(said, Some(U256::from(*count)));
        }
    }
    let ranked = counts.into_iter().map(|(token, owners)| {
        let owners = owners.into_iter().map(|(owner, count)| (U256::from(count), owner));
        (token, owners.collect())
    });
    ranking(index, Class::Erc721, ranked.collect());
}

/// Amounts of ERC-1155: what the token says at the end.
fn kinds(walk: &Walk, index: &IndexReader, node: &Node<'_>) {
    let mut held: BTreeMap<(Address, U256), BTreeSet<Address>> = BTreeMap::new();
    for moved in walk.moved.iter().filter(|moved| moved.class == Class::Erc1155) {
        held.entry((moved.token, moved.id)).or_default().extend([moved.from, moved.to]);
    }
    let mut sums: BTreeMap<Address, BTreeMap<Address, U256>> = BTreeMap::new();
    for ((token, id), people) in &held {
        let mut expected = Vec::new();
        sums.entry(*token).or_default();
        for who in people.iter().filter(|who| !who.is_zero()) {
            let arguments = [who.into_word(), B256::from(*id)];
            let amount = node.word(*token, "balanceOf(address,uint256)", &arguments, "latest");
            let amount = amount.unwrap();
            if !amount.is_zero() {
                expected.push((amount, *who));
                *sums.entry(*token).or_default().entry(*who).or_default() += amount;
            }
        }
        expected.sort_by(|a, b| b.cmp(a));
        let expected: Vec<(Address, U256)> =
            expected.into_iter().map(|(amount, who)| (who, amount)).collect();
        assert_eq!(index.holders_of_id(*token, *id, None, usize::MAX).unwrap(), expected);
    }
    let ranked = sums
        .into_iter()
        .map(|(token, sums)| (token, sums.into_iter().map(|(who, sum)| (sum, who)).collect()));
    ranking(index, Class::Erc1155, ranked.collect());
}

fn metadata(walk: &Walk, index: &IndexReader) {
    let token = |class| walk.moved.iter().find(|moved| moved.class == class).map(|m| m.token);
    let named = |class, name: &str, symbol: &str, decimals: u64| {
        let of: BTreeSet<Address> =
            walk.moved.iter().filter(|m| m.class == class).map(|m| m.token).collect();
        let records = of.iter().map(|token| index.token(*token, class).unwrap().unwrap());
        let found = records.filter(|record| record.name == name);
        let found: Vec<_> = found.collect();
        assert!(!found.is_empty(), "{name}");
        assert!(found.iter().all(|r| r.symbol == symbol && r.decimals == decimals));
    };
    named(Class::Erc20, "Fixture Token", "FIX", 18);
    named(Class::Erc721, "Fixture Items", "ITEM", 256);
    let hits = index.names("fixture t", 10).unwrap();
    assert!(
        hits.iter()
            .any(|hit| Some(hit.address) == token(Class::Erc20) || hit.name == "fixture token")
    );
}

/// Every key is one that was looked at above.
fn nothing_else(walk: &Walk, index: &IndexReader) {
    let mut counts: BTreeMap<char, usize> = BTreeMap::new();
    for (key, _) in index.dump().unwrap() {
        *counts.entry(key[0].into()).or_default() += 1;
    }
    let count = |kind: char| counts.get(&kind).copied().unwrap_or_default();
    let sum = |lists: &mut dyn Iterator<Item = usize>| lists.sum::<usize>();
    assert_eq!(count('b'), walk.blocks.len());
    assert_eq!(count('t'), sum(&mut walk.roles.values().map(BTreeMap::len)));
    assert_eq!(count('i'), sum(&mut walk.internal.values().map(BTreeSet::len)));
    assert_eq!(count('f'), walk.calls.len());
    assert_eq!(count('l'), sum(&mut walk.logs.values().map(Vec::len)));
    assert_eq!(count('p'), sum(&mut walk.topics.values().map(Vec::len)));
    assert_eq!(count('k'), walk.moved.len());
    let people = |m: &Moved| BTreeSet::from([m.from, m.to]).iter().filter(|w| !w.is_zero()).count();
    assert_eq!(count('x'), walk.moved.iter().map(people).sum::<usize>());
    let of_ids = walk.moved.iter().filter(|moved| moved.class != Class::Erc20).count();
    assert_eq!(count('n'), of_ids);
    let tokens: BTreeSet<(Address, Class)> =
        walk.moved.iter().map(|m| (m.token, m.class)).collect();
    assert_eq!(count('T'), tokens.len());
    assert_eq!(count('c'), walk.creations.len());
    assert_eq!(count('C'), walk.created.len());
    assert_eq!(count('a'), walk.figures.len());
    assert_eq!(count('H'), count('B'));
    assert_eq!(count('o'), count('O') + count('q'));
    let slots: BTreeSet<_> = walk.blocks.values().flat_map(|block| block.waits.keys()).collect();
    assert_eq!(count('s'), slots.len());
    assert_eq!(count('h'), walk.hours.len());
    assert_eq!(count('m'), 2);
    let known = "btiflpkxnTcCaHBoOqshmN";
    assert!(counts.keys().all(|kind| known.contains(*kind)), "{counts:?}");
}
