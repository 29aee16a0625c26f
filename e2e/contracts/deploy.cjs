// Deploys a contract, and prints where: `CONTRACT=NAME ARGUMENTS=[...] hardhat run deploy.cjs`.
const { ethers } = require("hardhat");

(async () => {
  const contract = await ethers.deployContract(process.env.CONTRACT, JSON.parse(process.env.ARGUMENTS));
  await contract.waitForDeployment();
  console.log(await contract.getAddress());
})();
