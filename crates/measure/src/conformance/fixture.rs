//! The test files: their form, and the block that each case describes.

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use heddle_executor::{
    Block, Invalid, MemoryAccount, MemoryState,
    revm::{
        bytecode::Bytecode,
        context::{
            BlockEnv, TxEnv,
            either::Either,
            transaction::{
                AccessList, AccessListItem, Authorization, RecoveredAuthorization,
                SignedAuthorization,
            },
        },
        primitives::eip4844::{
            BLOB_BASE_FEE_UPDATE_FRACTION_CANCUN, BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE,
        },
    },
};
use heddle_types::Fork;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The base fee of a test from London on that names none; all test tools use it.
const BASE_FEE_DEFAULT: u64 = 10;

/// The names that tests use; `Err` says why a name is not run.
const FORKS: [(&str, Result<Fork, &str>); 18] = [
    ("Frontier", Ok(Fork::Frontier)),
    ("Homestead", Ok(Fork::Homestead)),
    ("EIP150", Ok(Fork::Tangerine)),
    ("EIP158", Ok(Fork::SpuriousDragon)),
    ("Byzantium", Ok(Fork::Byzantium)),
    (
        "Constantinople",
        Err("Constantinople: mainnet never ran EIP-1283, and revm has no rules for it"),
    ),
    ("ConstantinopleFix", Ok(Fork::Petersburg)),
    ("Istanbul", Ok(Fork::Istanbul)),
    ("MuirGlacier", Ok(Fork::Istanbul)),
    ("Berlin", Ok(Fork::Berlin)),
    ("London", Ok(Fork::London)),
    ("Merge", Ok(Fork::Merge)),
    ("Paris", Ok(Fork::Merge)),
    ("Shanghai", Ok(Fork::Shanghai)),
    ("Cancun", Ok(Fork::Cancun)),
    ("Prague", Ok(Fork::Prague)),
    ("Osaka", Ok(Fork::Osaka)),
    ("Amsterdam", Err("Amsterdam: its rules are not final")),
];

/// The rules that a test means with a fork's name, or why it is not run.
pub(super) fn fork(name: &str) -> Result<Fork, &'static str> {
    let unknown = "the fork is none of Ethereum mainnet's";
    FORKS.iter().find(|(known, _)| *known == name).map_or(Err(unknown), |(_, fork)| *fork)
}

/// Where a fork's name stands in the order of activation; unknown names come last.
pub(super) fn fork_order(name: &str) -> usize {
    FORKS.iter().position(|(known, _)| known.eq_ignore_ascii_case(name)).unwrap_or(FORKS.len())
}

/// Whether tests use this name for a fork.
pub(super) fn is_fork_name(name: &str) -> bool {
    fork_order(name) < FORKS.len()
}

/// All names, for messages.
pub(super) fn fork_names() -> String {
    FORKS.map(|(name, _)| name).join(", ")
}

/// A number as tests write it. Some are wrong on purpose and fit into no word.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(from = "String")]
struct Quantity(Option<U256>);

impl From<String> for Quantity {
    fn from(text: String) -> Self {
        Self(match text.strip_prefix("0x") {
            Some("") => Some(U256::ZERO),
            Some(digits) => U256::from_str_radix(digits, 16).ok(),
            None => U256::from_str_radix(&text, 10).ok(),
        })
    }
}

impl Quantity {
    /// The number, if the field `name` can hold it.
    fn to<T: TryFrom<U256>>(self, reason: &'static str) -> Result<T, &'static str> {
        self.0.and_then(|number| T::try_from(number).ok()).ok_or(reason)
    }
}

/// A file: tests by name.
#[derive(Debug, Deserialize)]
pub(super) struct Suite(BTreeMap<String, Unit>);

/// One test: a state, an environment, and a transaction in some variants.
#[derive(Debug, Deserialize)]
struct Unit {
    env: Environment,
    pre: BTreeMap<Address, Account>,
    post: BTreeMap<String, Vec<Expectation>>,
    transaction: Transaction,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Environment {
    current_coinbase: Address,
    current_difficulty: Option<Quantity>,
    current_random: Option<Quantity>,
    current_gas_limit: Quantity,
    current_number: Quantity,
    current_timestamp: Quantity,
    current_base_fee: Option<Quantity>,
    current_excess_blob_gas: Option<Quantity>,
}

#[derive(Debug, Deserialize)]
struct Account {
    balance: U256,
    nonce: Quantity,
    code: Bytes,
    storage: BTreeMap<U256, U256>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Transaction {
    sender: Option<Address>,
    #[serde(default)]
    to: String,
    nonce: Quantity,
    data: Vec<Bytes>,
    gas_limit: Vec<Quantity>,
    value: Vec<Quantity>,
    gas_price: Option<Quantity>,
    max_fee_per_gas: Option<Quantity>,
    max_priority_fee_per_gas: Option<Quantity>,
    #[serde(default)]
    access_lists: Vec<Option<Vec<AccessItem>>>,
    blob_versioned_hashes: Option<Vec<B256>>,
    max_fee_per_blob_gas: Option<Quantity>,
    authorization_list: Option<Vec<AuthorizationItem>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccessItem {
    address: Address,
    storage_keys: Vec<B256>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuthorizationItem {
    chain_id: Quantity,
    address: Address,
    nonce: Quantity,
    #[serde(alias = "yParity")]
    v: Quantity,
    r: Quantity,
    s: Quantity,
}

/// What one case must give.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Expectation {
    /// Root of the state afterwards.
    pub(super) hash: B256,
    /// Keccak-256 of the RLP of all logs.
    pub(super) logs: B256,
    /// Which variant of the transaction.
    pub(super) indexes: Indexes,
    /// Why the transaction is invalid, if it is.
    pub(super) expect_exception: Option<String>,
}

/// Positions in the lists of a test's transaction.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Indexes {
    pub(super) data: usize,
    pub(super) gas: usize,
    pub(super) value: usize,
}

/// One case of a file.
#[derive(Debug)]
pub(super) struct Case<'a> {
    /// The file's path below the folder that is run.
    pub(super) file: &'a str,
    /// The test's name in the file.
    pub(super) name: &'a str,
    /// The fork's name in the test.
    pub(super) fork_name: &'a str,
    /// What must come out.
    pub(super) expectation: &'a Expectation,
    unit: &'a Unit,
}

/// A case, ready to run.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) fork: Fork,
    pub(super) env: BlockEnv,
    pub(super) state: MemoryState,
    pub(super) transactions: [TxEnv; 1],
}

impl Suite {
    /// All cases, in a fixed order.
    pub(super) fn cases<'a>(&'a self, file: &'a str) -> impl Iterator<Item = Case<'a>> {
        self.0.iter().flat_map(move |(name, unit)| {
            unit.post.iter().flat_map(move |(fork_name, expectations)| {
                expectations.iter().map(move |expectation| Case {
                    file,
                    name,
                    fork_name,
                    expectation,
                    unit,
                })
            })
        })
    }
}

impl Case<'_> {
    /// The block of the case, or why it cannot be run.
    pub(super) fn prepare(&self) -> Result<Prepared, &'static str> {
        let fork = fork(self.fork_name)?;
        Ok(Prepared {
            fork,
            env: self.unit.env.block(fork)?,
            state: self.unit.state()?,
            transactions: [self.unit.transaction.variant(self.expectation.indexes)?],
        })
    }
}

impl Prepared {
    /// The block that holds the case's transaction only.
    pub(super) fn alone(&self) -> Block<'_> {
        self.block(self.env.clone(), &self.transactions)
    }

    /// A block with the case's rules.
    pub(super) fn block<'a>(&self, env: BlockEnv, transactions: &'a [TxEnv]) -> Block<'a> {
        Block { invalid: Invalid::Skip, ..Block::new(self.fork, 1, env, transactions) }
    }
}

impl Environment {
    fn block(&self, fork: Fork) -> Result<BlockEnv, &'static str> {
        let wide = "a field of the block environment fits into no word";
        let mut env = BlockEnv {
            number: self.current_number.to(wide)?,
            beneficiary: self.current_coinbase,
            timestamp: self.current_timestamp.to(wide)?,
            gas_limit: self.current_gas_limit.to(wide)?,
            basefee: 0,
            difficulty: self.current_difficulty.unwrap_or(Quantity(Some(U256::ZERO))).to(wide)?,
            prevrandao: None,
            blob_excess_gas_and_price: None,
            ..BlockEnv::default()
        };
        if fork >= Fork::London {
            env.basefee = match self.current_base_fee {
                Some(fee) => fee.to(wide)?,
                None => BASE_FEE_DEFAULT,
            };
        }
        if fork >= Fork::Merge {
            env.difficulty = U256::ZERO;
            let random: U256 =
                self.current_random.unwrap_or(Quantity(Some(U256::ZERO))).to(wide)?;
            env.prevrandao = Some(random.into());
        }
        if fork >= Fork::Cancun {
            let excess =
                self.current_excess_blob_gas.unwrap_or(Quantity(Some(U256::ZERO))).to(wide)?;
            let fraction = if fork >= Fork::Prague {
                BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE
            } else {
                BLOB_BASE_FEE_UPDATE_FRACTION_CANCUN
            };
            env.set_blob_excess_gas_and_price(excess, fraction);
        }
        Ok(env)
    }
}

impl Unit {
    fn state(&self) -> Result<MemoryState, &'static str> {
        let mut state = MemoryState::default();
        for (address, account) in &self.pre {
            let code_hash = keccak256(&account.code);
            if !account.code.is_empty() {
                // A code that only looks like a delegation (EIP-7702) is plain code.
                let code = Bytecode::new_raw_checked(account.code.clone())
                    .unwrap_or_else(|_| Bytecode::new_legacy(account.code.clone()));
                state.codes.insert(code_hash, code);
            }
            let storage = account.storage.iter().filter(|(_, value)| !value.is_zero());
            state.accounts.insert(
                *address,
                MemoryAccount {
                    balance: account.balance,
                    nonce: account.nonce.to("a nonce in the state is wider than 64 bits")?,
                    code_hash,
                    storage: storage.map(|(key, value)| (*key, *value)).collect(),
                },
            );
        }
        // There is no chain behind a state test: the hash of a block is that of its height in
        // decimal digits.
        let number: u64 = self.env.current_number.to("the height is wider than 64 bits")?;
        state.block_hashes.extend(
            (number.saturating_sub(256)..number).map(|n| (n, keccak256(n.to_string().as_bytes()))),
        );
        Ok(state)
    }
}

impl Transaction {
    fn variant(&self, indexes: Indexes) -> Result<TxEnv, &'static str> {
        let missing = "an index points behind the transaction's variants";
        let access_list = self.access_lists.get(indexes.data).and_then(Option::as_ref);
        let gas_limit = self.gas_limit.get(indexes.gas).ok_or(missing)?;
        let value = self.value.get(indexes.value).ok_or(missing)?;
        let price = self.max_fee_per_gas.or(self.gas_price);
        let fee = |fee: Quantity| fee.to::<u128>("a fee is wider than 128 bits");
        let tx_type = self.tx_type(access_list.is_some());
        if tx_type >= 3 && self.kind()? == TxKind::Create {
            return Err("blob and set-code transactions that create cannot be decoded at all");
        }
        Ok(TxEnv {
            tx_type,
            caller: self.sender.ok_or("the transaction names no sender")?,
            gas_limit: gas_limit.to("the gas limit is wider than 64 bits")?,
            gas_price: price.map(fee).transpose()?.unwrap_or_default(),
            kind: self.kind()?,
            value: value.to("the value is wider than 256 bits")?,
            data: self.data.get(indexes.data).ok_or(missing)?.clone(),
            nonce: self.nonce.to("the nonce is wider than 64 bits")?,
            chain_id: Some(1),
            access_list: access_list.map(|items| access_list_of(items)).unwrap_or_default(),
            gas_priority_fee: self.max_priority_fee_per_gas.map(fee).transpose()?,
            blob_hashes: self.blob_versioned_hashes.clone().unwrap_or_default(),
            max_fee_per_blob_gas: self.max_fee_per_blob_gas.map(fee).transpose()?.unwrap_or(0),
            authorization_list: self.authorizations()?,
        })
    }

    /// The EIP-2718 type: the newest one that has a field which is there.
    fn tx_type(&self, has_access_list: bool) -> u8 {
        if self.authorization_list.is_some() {
            4
        } else if self.max_fee_per_blob_gas.is_some() || self.blob_versioned_hashes.is_some() {
            3
        } else if self.max_fee_per_gas.is_some() {
            2
        } else {
            u8::from(has_access_list)
        }
    }

    fn kind(&self) -> Result<TxKind, &'static str> {
        match self.to.as_str() {
            "" | "0x" => Ok(TxKind::Create),
            to => to.parse().map(TxKind::Call).map_err(|_| "the recipient is not an address"),
        }
    }

    fn authorizations(&self) -> Result<Vec<AnyAuthorization>, &'static str> {
        let wide = "a field of an authorization is too wide";
        let signed = |item: &AuthorizationItem| {
            let inner = Authorization {
                chain_id: item.chain_id.to(wide)?,
                address: item.address,
                nonce: item.nonce.to(wide)?,
            };
            let (parity, r, s) = (item.v.to(wide)?, item.r.to(wide)?, item.s.to(wide)?);
            Ok(Either::Left(SignedAuthorization::new_unchecked(inner, parity, r, s)))
        };
        self.authorization_list.iter().flatten().map(signed).collect()
    }
}

/// How revm takes an authorization: with its signature, or with the signer known.
type AnyAuthorization = Either<SignedAuthorization, RecoveredAuthorization>;

fn access_list_of(items: &[AccessItem]) -> AccessList {
    let items = items.iter().map(|item| AccessListItem {
        address: item.address,
        storage_keys: item.storage_keys.clone(),
    });
    items.collect::<Vec<_>>().into()
}
