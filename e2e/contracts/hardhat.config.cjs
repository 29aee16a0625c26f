require("@nomicfoundation/hardhat-ethers");
const { TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD } = require("hardhat/builtin-tasks/task-names");
const { subtask } = require("hardhat/config");
const { join } = require("node:path");

const version = "0.8.37";
const made = join(__dirname, "..", "..", "target", "e2e", "hardhat");

// The compiler that npm installed, in place of one that Hardhat would download.
subtask(TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD, async () => {
  const compilerPath = require.resolve("solc/soljson.js");
  return { compilerPath, isSolcJs: true, version, longVersion: require("solc").version() };
});

module.exports = {
  solidity: { version, settings: { optimizer: { enabled: true, runs: 200 }, evmVersion: "cancun" } },
  networks: { node: { url: process.env.RPC_URL ?? "http://127.0.0.1:8545" } },
  paths: { sources: "src", artifacts: join(made, "artifacts"), cache: join(made, "cache") },
  mocha: { timeout: 60_000 },
};
