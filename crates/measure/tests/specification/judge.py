"""
Executes blocks by Ethereum's executable specification, one JSON object a line.

In: fork, environment, state and candidates. Out: what the block comes to, and which candidates are
invalid. `{"dump": true}` gives the state after the block before.
"""

import json
import sys
from types import SimpleNamespace

from ethereum.exceptions import EthereumException
from ethereum.utils.hexadecimal import hex_to_bytes
from ethereum_rlp import rlp
from ethereum_spec_tools.evm_tools.loaders.fixture_loader import Load
from ethereum_types.bytes import Bytes32
from ethereum_types.numeric import U64, U256, Uint

CHAIN_ID = U64(1)
RLP_LIST = 0xC0


class Judge:
    """The rules of one fork."""

    def __init__(self, fork_name):
        self.load = Load(fork_name)
        hardfork = self.load.fork.hardfork
        self.proof_of_stake = hardfork.consensus.is_pos()
        self.fork = hardfork.module("fork")
        self.state = hardfork.module("state")
        self.trie = hardfork.module("trie")
        self.machine = hardfork.module("vm")
        self.transactions = hardfork.module("transactions")
        self.bloom = hardfork.module("bloom")

    def environment(self, case, state):
        env = case["env"]
        values = {
            "chain_id": CHAIN_ID,
            "state": state,
            "block_gas_limit": Uint(env["gasLimit"]),
            "block_hashes": [Bytes32(hex_to_bytes(h)) for h in env["blockHashes"]],
            "coinbase": self.load.fork.hex_to_address(env["beneficiary"]),
            "number": Uint(env["number"]),
            "time": U256(env["timestamp"]),
        }
        # Each fork's environment has the fields that the fork knows.
        optional = {
            "base_fee_per_gas": lambda: Uint(env["baseFee"]),
            "difficulty": lambda: Uint(env["difficulty"]),
            "prev_randao": lambda: Bytes32(hex_to_bytes(env["random"])),
            "excess_blob_gas": lambda: U64(env["excessBlobGas"]),
            "parent_beacon_block_root": lambda: Bytes32(hex_to_bytes(env["beaconRoot"])),
        }
        fields = self.machine.BlockEnvironment.__dataclass_fields__
        values.update({name: value() for name, value in optional.items() if name in fields})
        return self.machine.BlockEnvironment(**values)

    def decode(self, raw):
        if hasattr(self.transactions, "LegacyTransaction"):
            if raw[0] >= RLP_LIST:
                return rlp.decode_to(self.transactions.LegacyTransaction, raw)
            return self.transactions.decode_transaction(raw)
        return rlp.decode_to(self.transactions.Transaction, raw)

    def before(self, env):
        calls = (
            ("BEACON_ROOTS_ADDRESS", lambda: env.parent_beacon_block_root),
            ("HISTORY_STORAGE_ADDRESS", lambda: env.block_hashes[-1]),
        )
        for name, data in calls:
            if hasattr(self.fork, name):
                self.fork.process_unchecked_system_transaction(
                    block_env=env, target_address=getattr(self.fork, name), data=data()
                )

    def after(self, case, env, output):
        if not self.proof_of_stake:
            address = self.load.fork.hex_to_address
            ommers = tuple(
                SimpleNamespace(number=Uint(o["number"]), coinbase=address(o["beneficiary"]))
                for o in case["ommers"]
            )
            self.fork.pay_rewards(env.state, env.number, env.coinbase, ommers)
        if hasattr(self.fork, "process_withdrawals"):
            withdrawals = tuple(self.load.json_to_withdrawals(w) for w in case["withdrawals"])
            self.fork.process_withdrawals(env, output, withdrawals)
        if hasattr(self.fork, "process_general_purpose_requests"):
            self.fork.process_general_purpose_requests(env, output)

    def run(self, case):
        env = self.environment(case, self.load.json_to_state(case["state"]))
        output = self.machine.BlockOutput()
        protocol = case["protocol"]
        rejected = {}
        if protocol:
            self.before(env)
        place = 0
        for index, raw in enumerate(case["transactions"]):
            try:
                transaction = self.decode(hex_to_bytes(raw))
            except Exception as error:  # Whatever is wrong with the bytes.
                rejected[index] = repr(error)
                continue
            try:
                self.fork.process_transaction(env, output, transaction, Uint(place))
                place += 1
            except EthereumException as error:
                rejected[index] = repr(error)
        if protocol:
            self.after(case, env, output)
        return env.state, self.result(env, output, rejected)

    def result(self, env, output, rejected):
        result = {
            "stateRoot": self.state.state_root(env.state).hex(),
            "receiptsRoot": self.trie.root(output.receipts_trie).hex(),
            "bloom": self.bloom.logs_bloom(output.block_logs).hex(),
            "gasUsed": int(output.block_gas_used),
            "blobGasUsed": int(getattr(output, "blob_gas_used", 0)),
            "requests": [bytes(request).hex() for request in getattr(output, "requests", [])],
            "rejected": list(rejected.items()),
        }
        if hasattr(self.fork, "compute_requests_hash"):
            result["requestsHash"] = self.fork.compute_requests_hash(output.requests).hex()
        return result


def dump(state):
    accounts = {}
    for address, account in state._main_trie._data.items():
        slots = getattr(state._storage_tries.get(address), "_data", {})
        accounts["0x" + address.hex()] = {
            "balance": hex(account.balance),
            "nonce": hex(account.nonce),
            "code": "0x" + account.code.hex(),
            "storage": {"0x" + key.hex(): hex(value) for key, value in slots.items()},
        }
    return accounts


def main():
    judges = {}
    state = None
    for line in sys.stdin:
        case = json.loads(line)
        if "dump" in case:
            answer = dump(state)
        else:
            name = case["fork"]
            if name not in judges:
                judges[name] = Judge(name)
            try:
                state, result = judges[name].run(case)
                answer = {"valid": result}
            except Exception as error:  # The block is invalid, or the specification cannot tell.
                answer = {"invalid": repr(error)}
        print(json.dumps(answer), flush=True)


main()
