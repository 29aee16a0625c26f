const helpers = require("@nomicfoundation/hardhat-network-helpers");
const { ethers, network } = require("hardhat");
const assert = require("node:assert/strict");

async function deploy() {
  const ledger = await ethers.deployContract("Ledger", [7n], { value: 5n });
  await ledger.waitForDeployment();
  return { ledger };
}

describe("on a dev node", () => {
  it("deploys and calls", async () => {
    const { ledger } = await helpers.loadFixture(deploy);
    assert.equal(await ledger.total(), 5n);
    const [, other] = await ethers.getSigners();
    const receipt = await (await ledger.connect(other).pay("hardhat", { value: 9n })).wait();
    assert.equal(receipt.logs[0].args.memo, "hardhat");
    assert.equal(await ledger.total(), 14n);
  });

  it("returns to its fixture", async () => {
    const { ledger } = await helpers.loadFixture(deploy);
    assert.equal(await ledger.total(), 5n);
  });

  it("is told why a call reverts", async () => {
    const { ledger } = await helpers.loadFixture(deploy);
    await assert.rejects(ledger.failWithReason(), /the reason/);
    await assert.rejects(ledger.withdraw.staticCall(9n), (error) => {
      // Hardhat's provider hands the data on in the error that it wraps.
      const data = error.data?.data ?? error.data;
      return ledger.interface.parseError(data).name === "Insufficient" || assert.fail(String(data));
    });
  });

  it("travels in time", async () => {
    const before = await helpers.time.latest();
    await helpers.time.increase(3600);
    const after = await helpers.time.latest();
    assert.ok(after >= before + 3600 && after < before + 3620, `${after - before} seconds`);
    await helpers.time.setNextBlockTimestamp(after + 100);
    await helpers.mine();
    assert.equal(await helpers.time.latest(), after + 100);
  });

  it("impersonates and sets", async () => {
    const address = "0x00000000000000000000000000000000c0ffee00";
    await helpers.setBalance(address, ethers.parseEther("3"));
    const signer = await ethers.getImpersonatedSigner(address);
    const [first] = await ethers.getSigners();
    const receipt = await (await signer.sendTransaction({ to: first.address, value: 1n })).wait();
    assert.equal(receipt.from.toLowerCase(), address);
    await helpers.stopImpersonatingAccount(address);
    await helpers.setNonce(address, 40);
    assert.equal(await ethers.provider.getTransactionCount(address), 40);
  });

  it("takes and restores snapshots", async () => {
    const snapshot = await helpers.takeSnapshot();
    const before = await ethers.provider.getBlockNumber();
    await helpers.mine(5);
    assert.equal(await ethers.provider.getBlockNumber(), before + 5);
    await snapshot.restore();
    assert.equal(Number(await network.provider.send("eth_blockNumber")), before);
  });

  it("asks how it mines", async () => {
    assert.equal(await network.provider.send("hardhat_getAutomine"), true);
    const metadata = await network.provider.send("hardhat_metadata");
    assert.equal(metadata.chainId, 31337);
  });
});
