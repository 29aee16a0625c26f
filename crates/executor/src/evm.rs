//! The EVM as the executor uses it: revm's mainnet machine with our context types.

use crate::{Block, block::spec_id, observe::Observed};
use core::marker::PhantomData;
use revm::{
    Database, Inspector, Journal,
    context::{
        Block as _, BlockEnv, Cfg, CfgEnv, Context, ContextTr, Evm, FrameStack, JournalTr,
        LocalContext, Transaction, TxEnv,
        result::{EVMError, ExecutionResult, HaltReason, InvalidTransaction},
    },
    handler::{
        EthFrame, EthPrecompiles, EvmTr, FrameResult, Handler, evm::FrameTr,
        instructions::EthInstructions,
    },
    inspector::{InspectorEvmTr, InspectorHandler},
    interpreter::{interpreter::EthInterpreter, interpreter_action::FrameInit},
    primitives::{U256, hardfork::SpecId},
    state::EvmState,
};

/// What a transaction sees; inspectors get it as their context.
pub type BlockContext<'a, D> =
    Context<BlockEnv, &'a TxEnv, CfgEnv, D, Journal<D>, Observed, LocalContext>;

pub(crate) type BlockEvm<'a, D, I> = Evm<
    BlockContext<'a, D>,
    I,
    EthInstructions<EthInterpreter, BlockContext<'a, D>>,
    EthPrecompiles,
    EthFrame<EthInterpreter>,
>;

pub(crate) type TransactionError<D> = EVMError<<D as Database>::Error, InvalidTransaction>;

/// Builds the machine for `block`. `transaction` is only a first value: each run sets its own.
pub(crate) fn build<'a, D: Database, I>(
    block: &Block<'_>,
    database: D,
    transaction: &'a TxEnv,
    inspector: I,
) -> BlockEvm<'a, D, I> {
    let spec = spec_id(block.fork);
    let mut journal = Journal::new(database);
    journal.set_spec_id(spec);
    let mut cfg = config(block.chain_id, spec);
    cfg.disable_eip3607 = block.senders_may_have_code;
    cfg.limit_contract_code_size = block.code_size_max;
    let ctx = Context {
        block: block.env.clone(),
        tx: transaction,
        cfg,
        journaled_state: journal,
        chain: Observed::default(),
        local: LocalContext::default(),
        error: Ok(()),
    };
    Evm {
        ctx,
        inspector,
        instruction: EthInstructions::new_mainnet_with_spec(spec),
        precompiles: EthPrecompiles::new(spec),
        frame_stack: FrameStack::new_prealloc(8),
    }
}

pub(crate) fn config(chain_id: u64, spec: SpecId) -> CfgEnv {
    let mut config = CfgEnv::new_with_spec(spec).with_chain_id(chain_id);
    // A transaction before EIP-155, or one that chose not to be bound, names no chain.
    config.tx_chain_id_check = true;
    config.max_blobs_per_tx = Some(match spec {
        SpecId::PRAGUE => 9,
        _ => 6, // Cancun (EIP-4844), and again from Osaka on (EIP-7594)
    });
    config
}

/// Executes the transaction that is set, leaving the touched accounts in the journal.
///
/// With `inspect` the machine's inspector is called on every step.
pub(crate) fn run<H>(
    handler: &mut H,
    evm: &mut H::Evm,
    inspect: bool,
) -> Result<ExecutionResult<HaltReason>, H::Error>
where
    H: InspectorHandler<HaltReason = HaltReason>,
    H::Evm: InspectorEvmTr<Inspector: Inspector<<H::Evm as EvmTr>::Context, H::IT>>,
{
    if inspect { handler.inspect_run(evm) } else { handler.run(evm) }
}

/// revm's mainnet handler, except that the fee for the beneficiary is not paid but left in
/// [`Observed::fee`]: paying it would make every transaction depend on the one before it.
pub(crate) struct DeferredFeeHandler<EVM, ERROR>(PhantomData<(EVM, ERROR)>);

impl<EVM, ERROR> Default for DeferredFeeHandler<EVM, ERROR> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<EVM, ERROR> Handler for DeferredFeeHandler<EVM, ERROR>
where
    EVM: EvmTr<
            Context: ContextTr<Journal: JournalTr<State = EvmState>, Chain = Observed>,
            Frame = EthFrame<EthInterpreter>,
        >,
    EVM::Frame: FrameTr<FrameInit = FrameInit, FrameResult = FrameResult>,
    ERROR: revm::handler::EvmTrError<EVM>,
{
    type Evm = EVM;
    type Error = ERROR;
    type HaltReason = HaltReason;

    /// The amount is that of revm's `post_execution::reward_beneficiary`.
    fn reward_beneficiary(
        &self,
        evm: &mut Self::Evm,
        result: &mut FrameResult,
    ) -> Result<(), Self::Error> {
        let gas = *result.gas();
        let (block, tx, cfg, _, observed, _) = evm.ctx_mut().all_mut();
        let basefee = u128::from(block.basefee());
        let effective = tx.effective_gas_price(basefee);
        let price = if cfg.spec().into().is_enabled_in(SpecId::LONDON) {
            effective.saturating_sub(basefee)
        } else {
            effective
        };
        let used = gas.used().saturating_sub(gas.reservoir());
        observed.fee = U256::from(price * u128::from(used));
        Ok(())
    }
}

impl<EVM, ERROR> InspectorHandler for DeferredFeeHandler<EVM, ERROR>
where
    EVM: InspectorEvmTr<
            Context: ContextTr<Journal: JournalTr<State = EvmState>, Chain = Observed>,
            Frame = EthFrame<EthInterpreter>,
            Inspector: Inspector<EVM::Context, EthInterpreter>,
        >,
    ERROR: revm::handler::EvmTrError<EVM>,
{
    type IT = EthInterpreter;
}
