//! The suite's chain: blocks, and the state after each.

use alloy_consensus::{Transaction as _, transaction::SignerRecoverable};
use alloy_eips::eip2718::Typed2718;
use alloy_primitives::{B256, Bytes, U256};
use alloy_rlp::Decodable;
use alloy_trie::{TrieAccount, root};
use heddle_executor::{
    Block as ExecutorBlock, BlockOutput, Executor, MemoryAccount, MemoryState, Settings, Way,
    revm::{
        bytecode::Bytecode,
        context::{BlockEnv, TxEnv, either::Either},
        context_interface::block::BlobExcessGasAndPrice,
    },
};
use heddle_types::{Block, ChainSpec, Fork, Genesis, Header, Ommer, Transaction};
use std::path::PathBuf;

/// Where the suite lies, if it is here.
pub(crate) fn folder() -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("HEDDLE_DATA")?).join("rpc-compat");
    folder.is_dir().then_some(folder)
}

/// A block of the chain, ready to execute.
pub(crate) struct Ready {
    pub(crate) header: Header,
    pub(crate) hash: B256,
    pub(crate) fork: Fork,
    pub(crate) env: BlockEnv,
    pub(crate) block: Block,
    pub(crate) transactions: Vec<TxEnv>,
    pub(crate) ommers: Vec<Ommer>,
    /// The state before the block.
    pub(crate) before: MemoryState,
    pub(crate) output: BlockOutput,
}

impl Ready {
    pub(crate) fn to_execute(&self, spec: &ChainSpec) -> ExecutorBlock<'_> {
        let withdrawals = self.block.body.withdrawals.as_ref().map_or(&[][..], |list| list);
        ExecutorBlock {
            parent_hash: Some(self.header.parent_hash),
            parent_beacon_block_root: self.header.parent_beacon_block_root,
            withdrawals,
            ommers: &self.ommers,
            protocol_operations: true,
            deposit_contract: spec.deposit_contract,
            ..ExecutorBlock::new(self.fork, spec.chain_id, self.env.clone(), &self.transactions)
        }
    }
}

pub(crate) struct Chain {
    pub(crate) spec: ChainSpec,
    pub(crate) genesis: Header,
    /// From block 1 on.
    pub(crate) blocks: Vec<Ready>,
    /// The state after the last block.
    pub(crate) head: MemoryState,
}

impl Chain {
    /// The chain, if the suite is here; each block is held to its header.
    pub(crate) fn load() -> Option<Self> {
        let folder = folder()?;
        let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
        let genesis: Genesis = serde_json::from_slice(&read("genesis.json")).unwrap();
        let spec = ChainSpec::from_genesis(&genesis).unwrap();
        let mut state = genesis_state(&genesis);
        let mut executor = Executor::new(Settings { threads: 1, ..Settings::default() }).unwrap();
        let rlp = read("chain.rlp");
        let mut rest = rlp.as_slice();
        let mut blocks = Vec::new();
        while !rest.is_empty() {
            let block = Block::decode(&mut rest).unwrap();
            let mut ready = prepare(&spec, block, state.clone());
            let output =
                executor.execute(&ready.to_execute(&spec), &state, Way::Sequential).unwrap();
            assert_eq!(output.gas_used, ready.header.gas_used, "block {}", ready.header.number);
            state.apply(&output.changes);
            assert_eq!(state_root(&state), ready.header.state_root, "{}", ready.header.number);
            state.block_hashes.insert(ready.header.number, ready.hash);
            ready.output = output;
            blocks.push(ready);
        }
        let genesis = genesis_header(&blocks[0].before, &genesis, &blocks);
        Some(Self { spec, genesis, blocks, head: state })
    }

    /// The state after a block.
    pub(crate) fn state_at(&self, number: u64) -> &MemoryState {
        self.blocks.get(number as usize).map_or(&self.head, |block| &block.before)
    }

    pub(crate) fn header(&self, number: u64) -> &Header {
        match number.checked_sub(1) {
            Some(index) => &self.blocks[index as usize].header,
            None => &self.genesis,
        }
    }
}

fn genesis_header(state: &MemoryState, genesis: &Genesis, blocks: &[Ready]) -> Header {
    let header = Header {
        gas_limit: genesis.gas_limit,
        timestamp: genesis.timestamp,
        difficulty: genesis.difficulty,
        extra_data: genesis.extra_data.clone(),
        mix_hash: genesis.mix_hash,
        nonce: genesis.nonce.into(),
        state_root: state_root(state),
        ..Header::default()
    };
    assert_eq!(header.hash_slow(), blocks[0].header.parent_hash);
    header
}

fn genesis_state(genesis: &Genesis) -> MemoryState {
    let mut state = MemoryState::default();
    for (address, given) in &genesis.alloc {
        let mut account = MemoryAccount {
            balance: given.balance,
            nonce: given.nonce.unwrap_or_default(),
            ..MemoryAccount::default()
        };
        if let Some(code) = given.code.as_ref().filter(|code| !code.is_empty()) {
            account.code_hash = state.add_code(Bytecode::new_raw(code.clone()));
        }
        for (key, value) in given.storage.iter().flatten() {
            account.storage.insert((*key).into(), (*value).into());
        }
        state.accounts.insert(*address, account);
    }
    state
}

pub(crate) fn state_root(state: &MemoryState) -> B256 {
    root::state_root_unhashed(state.accounts.iter().map(|(address, account)| {
        let slots = account.storage.iter().map(|(key, value)| (B256::from(*key), *value));
        let account = TrieAccount {
            nonce: account.nonce,
            balance: account.balance,
            storage_root: root::storage_root_unhashed(slots),
            code_hash: account.code_hash,
        };
        (*address, account)
    }))
}

pub(crate) fn block_env(spec: &ChainSpec, header: &Header, fork: Fork) -> BlockEnv {
    let blobs = header.excess_blob_gas.zip(spec.blob_params_at(header.timestamp));
    BlockEnv {
        number: U256::from(header.number),
        beneficiary: header.beneficiary,
        timestamp: U256::from(header.timestamp),
        gas_limit: header.gas_limit,
        basefee: header.base_fee_per_gas.unwrap_or_default(),
        difficulty: header.difficulty,
        prevrandao: (fork >= Fork::Merge).then_some(header.mix_hash),
        blob_excess_gas_and_price: blobs.map(|(excess_blob_gas, params)| BlobExcessGasAndPrice {
            excess_blob_gas,
            blob_gasprice: params.calc_blob_fee(excess_blob_gas),
        }),
        slot_num: 0,
    }
}

fn prepare(spec: &ChainSpec, block: Block, before: MemoryState) -> Ready {
    let header = block.header.clone();
    let fork = spec.fork_at(header.number, header.timestamp, header.difficulty.is_zero());
    let ommers = block.body.ommers.iter();
    Ready {
        hash: header.hash_slow(),
        fork,
        env: block_env(spec, &header, fork),
        transactions: block.body.transactions.iter().map(transaction_env).collect(),
        ommers: ommers
            .map(|ommer| Ommer { number: ommer.number, beneficiary: ommer.beneficiary })
            .collect(),
        header,
        block,
        before,
        output: BlockOutput::default(),
    }
}

fn transaction_env(transaction: &Transaction) -> TxEnv {
    let dynamic = transaction.is_dynamic_fee();
    let authorizations = transaction.authorization_list().unwrap_or_default();
    TxEnv {
        tx_type: transaction.ty(),
        caller: transaction.recover_signer().unwrap(),
        gas_limit: transaction.gas_limit(),
        gas_price: transaction.max_fee_per_gas(),
        kind: transaction.kind(),
        value: transaction.value(),
        data: Bytes::clone(transaction.input()),
        nonce: transaction.nonce(),
        chain_id: transaction.chain_id(),
        access_list: transaction.access_list().cloned().unwrap_or_default(),
        gas_priority_fee: transaction.max_priority_fee_per_gas().filter(|_| dynamic),
        blob_hashes: transaction.blob_versioned_hashes().unwrap_or_default().to_vec(),
        max_fee_per_blob_gas: transaction.max_fee_per_blob_gas().unwrap_or_default(),
        authorization_list: authorizations.iter().cloned().map(Either::Left).collect(),
    }
}
