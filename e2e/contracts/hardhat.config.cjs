require("@nomicfoundation/hardhat-ethers");
require("@nomicfoundation/hardhat-verify");
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

const explorer = process.env.EXPLORER_URL ?? "http://127.0.0.1:8550";
const verifier = process.env.VERIFIER;
const customChains = [{ network: "node", chainId: 31337, urls: { apiURL: `${explorer}/api`, browserURL: explorer } }];

module.exports = {
  solidity: { version, settings: { optimizer: { enabled: true, runs: 200 }, evmVersion: "cancun" } },
  networks: { node: { url: process.env.RPC_URL ?? "http://127.0.0.1:8545" } },
  paths: { sources: "src", artifacts: join(made, "artifacts"), cache: join(made, "cache") },
  // A key for each network: one for all would be Etherscan's own. This explorer reads none.
  etherscan: { enabled: verifier === "etherscan", apiKey: { node: "none" }, customChains },
  blockscout: { enabled: verifier === "blockscout", customChains },
  sourcify: { enabled: verifier === "sourcify", apiUrl: `${explorer}/sourcify`, browserUrl: explorer },
  mocha: { timeout: 60_000 },
};
