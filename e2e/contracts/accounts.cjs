const hre = require("hardhat");

(async () => {
  const [first] = await hre.ethers.getSigners();
  console.log(first.address);
})();
