// Breaks a network of validators again and again, and checks what clients see of it:
// `node network.mjs --cycles 500 --seed 1 [--resume FILE] [--kinds KIND,...]`.
//
// Validators run in network namespaces, so it needs Linux and root; what it does is in
// lib/faults.mjs, and what must hold in lib/campaign.mjs. Status 1 says that something did not.

import { parseArgs } from "node:util";
import { install } from "./lib/install.mjs";
import { missing } from "./lib/namespaces.mjs";

async function main() {
  const { values } = parseArgs({
    options: {
      cycles: { type: "string", default: "100" },
      seed: { type: "string", default: "1" },
      resume: { type: "string" },
      kinds: { type: "string" },
    },
  });
  const reason = missing();
  if (reason) {
    console.error(`error: ${reason}`);
    return 2;
  }
  install();
  // What was installed can be read only now.
  const { Campaign, plan, unknownKinds } = await import("./lib/campaign.mjs");
  const seed = Number(values.seed);
  const wanted = values.kinds?.split(",");
  if (unknownKinds(wanted ?? []).length > 0) {
    console.error(`error: there is no kind of fault ${unknownKinds(wanted).join(", ")}; lib/faults.mjs has them`);
    return 2;
  }
  const order = plan(seed, wanted);
  const campaign = new Campaign({ name: `network-${seed}`, seed, order, resume: values.resume });
  if (campaign.cycles.some(({ kind }) => order.next().value !== kind)) {
    console.error(`error: ${values.resume} is of other kinds of faults`);
    return 2;
  }
  let status = 0;
  try {
    await campaign.start();
    while (campaign.cycles.length < Number(values.cycles)) console.log(await campaign.cycle());
    await campaign.finish();
  } catch (error) {
    console.error(`cycle ${campaign.cycles.length + 1} of seed ${seed}: ${error.stack ?? error}`);
    if (campaign.validators) console.error((await campaign.stand()).join("\n"));
    status = 1;
  }
  if (campaign.history) console.log(campaign.summary());
  return status;
}

process.exit(await main());
