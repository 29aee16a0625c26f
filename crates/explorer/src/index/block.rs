//! What one block adds to the index.

use super::{
    IndexError,
    contention::{Contention, contention},
    contract_reads::Questions,
    draft::Draft,
    keys::{self, Key},
    records::{
        AddressFigures, BlockSummary, Class, Creation, HourFigures, InternalCall, Roles,
        SlotFigures,
    },
    replay::Replay,
    tokens::Tokens,
    transfers::transfers,
};
use alloy_consensus::Transaction as _;
use alloy_primitives::{
    Address, KECCAK256_EMPTY, TxKind, U256,
    map::{AddressMap, AddressSet},
};
use heddle_chain::CommittedBlock;
use heddle_executor::{revm::bytecode::opcode, tracing::Frame};
use heddle_types::ChainSpec;

/// Puts a block into the index. `replay` is `None` if it cannot be executed again.
pub(crate) fn index_block(
    draft: &mut Draft,
    spec: &ChainSpec,
    block: &CommittedBlock,
    mut replay: Option<Replay>,
) -> Result<BlockSummary, IndexError> {
    let header = &block.block.block.header;
    let waiting = contention(&block.block, &block.receipts, replay.as_ref());
    let mut adding = Adding {
        draft,
        number: header.number,
        summary: begin(block, replay.is_some(), &waiting),
        figures: AddressMap::default(),
        touched: AddressSet::default(),
        tokens: Tokens::default(),
    };
    adding.fees(spec, block);
    adding.transactions(block)?;
    adding.logs(block)?;
    if let Some(replay) = &replay {
        adding.frames(block, replay)?;
    }
    let mut questions = Questions::new(replay.as_mut(), header.gas_used);
    let tokens = std::mem::take(&mut adding.tokens);
    tokens.write(adding.draft, header.number, &mut questions)?;
    if let Some(replay) = &mut replay {
        adding.destructions(replay)?;
    }
    adding.contended(waiting)?;
    adding.finish(header.timestamp)
}

fn begin(block: &CommittedBlock, traced: bool, waiting: &Contention) -> BlockSummary {
    let header = &block.block.block.header;
    let failed = block.receipts.iter().filter(|receipt| !receipt.success).count();
    BlockSummary {
        hash: block.block.hash,
        timestamp: header.timestamp,
        beneficiary: header.beneficiary,
        transactions: block.receipts.len() as u64,
        failed: failed as u64,
        gas_used: header.gas_used,
        gas_limit: header.gas_limit,
        base_fee: header.base_fee_per_gas.unwrap_or_default(),
        traced,
        critical_gas: waiting.critical_gas,
        critical_path: waiting.critical_path.clone(),
        waiting: waiting.waiting,
        hot: waiting.hot(),
        ..BlockSummary::default()
    }
}

struct Adding<'d> {
    draft: &'d mut Draft,
    number: u64,
    summary: BlockSummary,
    /// What is added to the figures of addresses.
    figures: AddressMap<AddressFigures>,
    /// Contracts that were created or destroyed.
    touched: AddressSet,
    tokens: Tokens,
}

impl Adding<'_> {
    fn of(&mut self, address: Address) -> &mut AddressFigures {
        self.figures.entry(address).or_default()
    }

    fn fees(&mut self, spec: &ChainSpec, block: &CommittedBlock) {
        let header = &block.block.block.header;
        let base_fee = self.summary.base_fee;
        let mut tips: Vec<(u128, u64)> = Vec::with_capacity(block.receipts.len());
        for (transaction, receipt) in
            block.block.block.body.transactions.iter().zip(&block.receipts)
        {
            let price = transaction.effective_gas_price(header.base_fee_per_gas);
            let tip = price.saturating_sub(base_fee.into());
            self.summary.tips += U256::from(tip) * U256::from(receipt.gas_used);
            tips.push((tip, receipt.gas_used));
        }
        let blob_price = spec
            .blob_params_at(header.timestamp)
            .map(|params| params.calc_blob_fee(header.excess_blob_gas.unwrap_or_default()));
        let blob_gas = header.blob_gas_used.unwrap_or_default();
        self.summary.burned = U256::from(base_fee) * U256::from(header.gas_used)
            + U256::from(blob_price.unwrap_or_default()) * U256::from(blob_gas);
        tips.sort_unstable();
        [self.summary.tip_low, self.summary.tip_median, self.summary.tip_high] =
            [10, 50, 90].map(|percent| share(&tips, percent));
    }

    fn transactions(&mut self, block: &CommittedBlock) -> Result<(), IndexError> {
        let body = &block.block.block.body.transactions;
        let base_fee = block.block.block.header.base_fee_per_gas;
        for (index, ((transaction, sender), receipt)) in
            body.iter().zip(&block.block.senders).zip(&block.receipts).enumerate()
        {
            let index = position(index);
            let created = matches!(transaction.kind(), TxKind::Create)
                .then(|| sender.create(transaction.nonce()));
            let figures = self.of(*sender);
            figures.sent += 1;
            figures.transactions += 1;
            let price = U256::from(transaction.effective_gas_price(base_fee));
            figures.fees += price * U256::from(receipt.gas_used);
            let (other, role) = match (transaction.kind(), created) {
                (TxKind::Call(to), _) => (to, Roles::RECIPIENT),
                (TxKind::Create, Some(created)) => (created, Roles::CREATED),
                (TxKind::Create, None) => continue,
            };
            self.of(other).gas += receipt.gas_used;
            if other == *sender {
                self.list(*sender, index, Roles::SENDER | role);
            } else {
                self.of(other).transactions += 1;
                self.list(*sender, index, Roles::SENDER);
                self.list(other, index, role);
            }
            if let Some(created) = created.filter(|_| receipt.success) {
                self.created(created, (*sender, *sender), index, 0)?;
            }
        }
        Ok(())
    }

    fn list(&mut self, address: Address, index: u32, roles: u8) {
        let key = Key::new(keys::TRANSACTION_OF).address(address).long(self.number).short(index);
        self.draft.add(key, &[roles]);
    }

    fn created(
        &mut self,
        contract: Address,
        (sender, creator): (Address, Address),
        index: u32,
        frame: u32,
    ) -> Result<(), IndexError> {
        self.summary.contracts += 1;
        self.touched.insert(contract);
        let key = Key::new(keys::CREATED).long(self.number).short(index).short(frame);
        self.draft.add(key, contract.as_slice());
        let creation = Creation {
            sender,
            creator,
            block: self.number,
            transaction: index.into(),
            frame: frame.into(),
            destroyed: false,
        };
        self.draft.put_record(Key::new(keys::CREATION).address(contract).build(), &creation)
    }

    fn logs(&mut self, block: &CommittedBlock) -> Result<(), IndexError> {
        let mut log_index = 0;
        for (transaction, receipt) in block.receipts.iter().enumerate() {
            for log in &receipt.logs {
                self.of(log.address).logs += 1;
                let place = |key: Key| key.long(self.number).short(log_index);
                let first = log.topics().first().map_or(&[][..], |topic| topic.as_slice());
                self.draft.add(place(Key::new(keys::LOG_OF).address(log.address)), first);
                for (position, topic) in log.topics().iter().enumerate() {
                    // One that stands twice is found by its first place.
                    if log.topics().iter().take(position).any(|before| before == topic) {
                        continue;
                    }
                    let mut value = vec![u8::try_from(position).unwrap_or(u8::MAX)];
                    value.extend_from_slice(log.address.as_slice());
                    self.draft.add(place(Key::new(keys::TOPIC).word(*topic)), &value);
                }
                let (class, moved) = transfers(log, transaction as u64);
                self.summary.transfers += moved.len() as u64;
                for (item, transfer) in moved.into_iter().enumerate() {
                    self.moved(transfer.to, class);
                    if transfer.from != transfer.to {
                        self.moved(transfer.from, class);
                    }
                    let item = position(item);
                    self.tokens.add(
                        self.draft,
                        self.number,
                        log,
                        (log_index, item),
                        class,
                        transfer,
                    );
                }
                log_index += 1;
            }
        }
        self.summary.logs = log_index.into();
        Ok(())
    }

    fn moved(&mut self, who: Address, class: Class) {
        if who.is_zero() {
            return;
        }
        let figures = self.of(who);
        match class {
            Class::Erc20 => figures.erc20 += 1,
            Class::Erc721 => figures.erc721 += 1,
            Class::Erc1155 => figures.erc1155 += 1,
        }
    }

    fn frames(&mut self, block: &CommittedBlock, replay: &Replay) -> Result<(), IndexError> {
        for (index, (observed, sender)) in
            replay.observed.iter().zip(&block.block.senders).enumerate()
        {
            let index = position(index);
            for (number, frame) in observed.frames.iter().enumerate().skip(1) {
                if frame.opcode == opcode::STATICCALL {
                    continue;
                }
                let number = position(number);
                self.frame(index, number, frame);
                let creates = matches!(frame.opcode, opcode::CREATE | opcode::CREATE2);
                if creates && !frame.reverted {
                    self.created(frame.to, (*sender, frame.from), index, number)?;
                }
            }
            let destroyed = observed.frames.iter();
            let destroyed = destroyed.filter(|f| f.opcode == opcode::SELFDESTRUCT && !f.reverted);
            self.touched.extend(destroyed.map(|frame| frame.from));
        }
        Ok(())
    }

    fn frame(&mut self, index: u32, number: u32, frame: &Frame) {
        self.summary.internal += 1;
        let creates = matches!(frame.opcode, opcode::CREATE | opcode::CREATE2);
        // A contract that was not created has no address.
        let to = if creates && frame.error.is_some() { Address::ZERO } else { frame.to };
        let block = self.number;
        let place = |key: Key| key.long(block).short(index).short(number);
        let call = InternalCall {
            opcode: frame.opcode,
            depth: frame.depth as u64,
            from: frame.from,
            to,
            value: frame.value.unwrap_or_default(),
            gas: frame.gas,
            gas_used: frame.gas_used,
            selector: frame.selector.map(Into::into).unwrap_or_default(),
            reverted: frame.reverted,
            error: frame.error.clone().unwrap_or_default(),
        };
        self.draft.add(place(Key::new(keys::FRAME)), &alloy_rlp::encode(&call));
        self.draft.add(place(Key::new(keys::INTERNAL_OF).address(frame.from)), &[]);
        self.of(frame.from).internal += 1;
        if to != frame.from && !(creates && frame.error.is_some()) {
            self.draft.add(place(Key::new(keys::INTERNAL_OF).address(to)), &[]);
            self.of(to).internal += 1;
        }
    }

    /// Contracts whose code is gone after the block.
    fn destructions(&mut self, replay: &mut Replay) -> Result<(), IndexError> {
        let mut touched: Vec<Address> = self.touched.iter().copied().collect();
        touched.sort_unstable();
        for contract in touched {
            let key = Key::new(keys::CREATION).address(contract).build();
            // One of the first block was created by nobody.
            let Some(mut creation) = self.draft.record::<Creation>(&key)? else { continue };
            let account = replay.after.account(contract)?;
            let hash = account.map_or(KECCAK256_EMPTY, |account| account.code_hash);
            let destroyed = hash == KECCAK256_EMPTY;
            if destroyed != creation.destroyed {
                creation.destroyed = destroyed;
                self.draft.put_record(key, &creation)?;
            }
        }
        Ok(())
    }

    fn contended(&mut self, waiting: Contention) -> Result<(), IndexError> {
        for slot in waiting.slots {
            let key = Key::new(keys::SLOT).address(slot.address).number(slot.slot).build();
            let mut figures = self.draft.record::<SlotFigures>(&key)?.unwrap_or_default();
            figures.waits += slot.waits;
            figures.gas += slot.gas;
            figures.blocks += 1;
            figures.last_block = self.number;
            if !slot.preimages.is_empty() {
                figures.preimages = slot.preimages;
            }
            self.draft.put_record(key, &figures)?;
        }
        Ok(())
    }

    fn finish(self, timestamp: u64) -> Result<BlockSummary, IndexError> {
        let Self { draft, number, summary, figures, .. } = self;
        for (address, added) in figures {
            let key = Key::new(keys::ADDRESS).address(address).build();
            let mut sum = draft.record::<AddressFigures>(&key)?.unwrap_or_default();
            sum.add(&added);
            draft.put_record(key, &sum)?;
        }
        let key = Key::new(keys::HOUR).long(timestamp / 3600).build();
        let mut hour = draft.record::<HourFigures>(&key)?.unwrap_or_default();
        hour.add(&summary);
        draft.put_record(key, &hour)?;
        draft.add(Key::new(keys::BLOCK).long(number), &alloy_rlp::encode(&summary));
        Ok(summary)
    }
}

impl AddressFigures {
    fn add(&mut self, added: &Self) {
        self.transactions += added.transactions;
        self.sent += added.sent;
        self.internal += added.internal;
        self.logs += added.logs;
        self.erc20 += added.erc20;
        self.erc721 += added.erc721;
        self.erc1155 += added.erc1155;
        self.gas = self.gas.saturating_add(added.gas);
        self.fees = self.fees.saturating_add(added.fees);
    }
}

impl HourFigures {
    fn add(&mut self, block: &BlockSummary) {
        self.blocks += 1;
        self.transactions += block.transactions;
        self.failed += block.failed;
        self.gas_used = self.gas_used.saturating_add(block.gas_used);
        self.burned = self.burned.saturating_add(block.burned);
        self.tips = self.tips.saturating_add(block.tips);
        self.base_fees = self.base_fees.saturating_add(U256::from(block.base_fee));
        self.transfers += block.transfers;
        self.contracts += block.contracts;
    }
}

/// A position in a list that came in a block: far below 2^32.
fn position(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// The tip below or at which `percent` of the gas is, in wei; `tips` are sorted.
fn share(tips: &[(u128, u64)], percent: u64) -> u64 {
    let all: u64 = tips.iter().map(|(_, gas)| *gas).fold(0, u64::saturating_add);
    let wanted = all / 100 * percent;
    let mut so_far = 0_u64;
    for (tip, gas) in tips {
        so_far = so_far.saturating_add(*gas);
        if so_far >= wanted {
            return u64::try_from(*tip).unwrap_or(u64::MAX);
        }
    }
    0
}
