"""web3.py: sending, deploying, events over WebSocket, errors, control of the node."""

import asyncio
import json
import os
import sys
import time
from pathlib import Path

from web3 import AsyncWeb3, Web3, WebSocketProvider
from web3.exceptions import ContractCustomError, ContractLogicError, ContractPanicError, Web3RPCError

URL = os.environ.get("RPC_URL", "http://127.0.0.1:8545")
KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
OTHER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
MADE = Path(__file__).resolve().parents[2] / "target" / "e2e"
LEDGER = json.loads((MADE / "contracts" / "Ledger.json").read_text())

w3 = Web3(Web3.HTTPProvider(URL))
account = w3.eth.account.from_key(KEY)
state = {}


def equal(found, expected, what):
    if found != expected:
        raise AssertionError(f"{what}: found {found!r}, expected {expected!r}")


def fails(kind, call, what):
    try:
        result = call()
    except kind as error:
        return error
    raise AssertionError(f"{what}: succeeded with {result!r}, expected {kind}")


def mined(hash_):
    return w3.eth.wait_for_transaction_receipt(hash_, timeout=20, poll_latency=0.05)


def send(transaction):
    signed = account.sign_transaction(transaction)
    return mined(w3.eth.send_raw_transaction(signed.raw_transaction))


def fields(**more):
    return {
        "from": account.address,
        "nonce": w3.eth.get_transaction_count(account.address, "pending"),
        "chainId": 31337,
        **more,
    }


def greet():
    equal(w3.is_connected(), True, "connection")
    equal(w3.eth.chain_id, 31337, "chain id")
    equal(account.address in w3.eth.accounts, True, "accounts of the node")
    equal(len(w3.eth.get_block("latest")["hash"]), 32, "hash of the block")
    equal(w3.eth.fee_history(2, "latest", [50])["oldestBlock"] >= 0, True, "fee history")


def transfer():
    price = {"maxFeePerGas": w3.eth.gas_price * 2, "maxPriorityFeePerGas": w3.eth.max_priority_fee}
    receipt = send(fields(to=OTHER, value=5, gas=21000, **price))
    equal((receipt["status"], receipt["gasUsed"], receipt["type"]), (1, 21000, 2), "receipt")
    hash_ = w3.eth.send_transaction({"from": w3.eth.accounts[1], "to": account.address, "value": 1})
    equal(mined(hash_)["from"], OTHER, "sender that the node signed for")


def deploy():
    factory = w3.eth.contract(abi=LEDGER["abi"], bytecode=LEDGER["bytecode"])
    receipt = send(factory.constructor(7).build_transaction(fields(value=3)))
    ledger = w3.eth.contract(address=receipt["contractAddress"], abi=LEDGER["abi"])
    equal(ledger.functions.total().call(), 3, "total")
    state["ledger"] = ledger


def events():
    ledger = state["ledger"]
    receipt = send(ledger.functions.pay("python").build_transaction(fields(value=4)))
    (event,) = ledger.events.Paid().process_receipt(receipt)
    equal((event["args"]["from"], event["args"]["amount"], event["args"]["memo"]), (account.address, 4, "python"), "event")
    equal(len(ledger.events.Paid().get_logs(from_block=0)), 1, "events found")
    watch = w3.eth.filter({"address": ledger.address})
    send(ledger.functions.pay("filtered").build_transaction(fields(value=1)))
    equal(len(watch.get_new_entries()), 1, "entries of a filter")


async def over_socket():
    ledger = state["ledger"]
    async with AsyncWeb3(WebSocketProvider(URL.replace("http", "ws", 1))) as socket:
        heads = await socket.eth.subscribe("newHeads")
        logs = await socket.eth.subscribe("logs", {"address": ledger.address})
        await asyncio.to_thread(lambda: send(ledger.functions.pay("live").build_transaction(fields(value=2))))
        seen = set()
        async with asyncio.timeout(10):
            async for message in socket.socket.process_subscriptions():
                seen.add(message["subscription"])
                if seen == {heads, logs}:
                    break


def reverts():
    ledger = state["ledger"]
    reason = fails(ContractLogicError, ledger.functions.failWithReason().call, "a call that reverts")
    equal("the reason" in str(reason), True, f"reason in {reason!r}")
    fails(ContractCustomError, lambda: ledger.functions.withdraw(99).call({"from": account.address}), "a custom error")
    fails(ContractPanicError, ledger.functions.failWithPanic(0).call, "a panic")
    fails(ContractLogicError, lambda: ledger.functions.withdraw(99).estimate_gas({"from": account.address}), "an estimate")


def refusals():
    price = {"maxFeePerGas": w3.eth.gas_price * 2, "maxPriorityFeePerGas": 1}
    used = account.sign_transaction({**fields(to=OTHER, value=1, gas=21000, **price), "nonce": 0})
    error = fails(Web3RPCError, lambda: w3.eth.send_raw_transaction(used.raw_transaction), "a nonce that was used")
    equal("nonce too low" in str(error).lower(), True, f"words of {error!r}")
    poor = w3.eth.account.from_key("0x" + "45" * 32)
    broke = poor.sign_transaction({"to": OTHER, "value": 1, "gas": 21000, "nonce": 0, "chainId": 31337, **price})
    error = fails(Web3RPCError, lambda: w3.eth.send_raw_transaction(broke.raw_transaction), "no money")
    equal("insufficient funds" in str(error).lower(), True, f"words of {error!r}")


def control():
    snapshot = w3.provider.make_request("evm_snapshot", [])["result"]
    w3.provider.make_request("anvil_setBalance", [OTHER, hex(77)])
    equal(w3.eth.get_balance(OTHER), 77, "balance that was set")
    w3.provider.make_request("evm_mine", [])
    equal(w3.provider.make_request("evm_revert", [snapshot])["result"], True, "return to the snapshot")
    equal(w3.eth.get_balance(OTHER) > 77, True, "balance after the return")
    trace = w3.provider.make_request("debug_traceCall", [{"to": state["ledger"].address, "data": "0x2ddbd13a"}, "latest", {"tracer": "callTracer"}])
    equal(trace["result"]["type"], "CALL", "type of a traced call")


STEPS = [
    ("greets the node", greet),
    ("sends transfers", transfer),
    ("deploys a contract", deploy),
    ("finds events", events),
    ("sees events over WebSocket", lambda: asyncio.run(over_socket())),
    ("decodes what reverts", reverts),
    ("is told why a transaction is refused", refusals),
    ("controls the node", control),
]

for title, step in STEPS:
    start = time.perf_counter()
    try:
        step()
    except Exception as error:  # whatever it is, the flow failed
        print(f"  web3py: {title}: FAILED\n{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)
    print(f"  web3py: {title} ({(time.perf_counter() - start) * 1000:.0f} ms)", flush=True)
