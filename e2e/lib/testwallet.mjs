// A wallet for tests: announced in the page as browser extensions do (EIP-6963), it hands every
// request (EIP-1193) to the node, which signs with a development account.

import { raw } from "./flow.mjs";

/** Gives all pages of a browser context a wallet with one account. What it was asked is in `asked`. */
export async function install(context, account) {
  const asked = [];
  await context.exposeFunction("heddleTestWallet", async (method, params) => {
    asked.push({ method, params });
    if (["eth_requestAccounts", "eth_accounts"].includes(method)) return { result: [account] };
    const own = (await raw("eth_chainId")).result;
    if (["wallet_switchEthereumChain", "wallet_addEthereumChain"].includes(method)) {
      const same = BigInt(params[0].chainId) === BigInt(own);
      return same ? { result: null } : { error: { code: 4902, message: "Unrecognized chain" } };
    }
    return raw(method, params);
  });
  await context.addInitScript(announce);
  return asked;
}

/** Runs in the page. */
function announce() {
  const listeners = new Map();
  const provider = {
    async request({ method, params = [] }) {
      const { result, error } = await window.heddleTestWallet(method, params);
      if (error) throw Object.assign(new Error(error.message), { code: error.code, data: error.data });
      return result;
    },
    on(event, listener) {
      listeners.set(event, [...(listeners.get(event) ?? []), listener]);
      return provider;
    },
    removeListener(event, listener) {
      listeners.set(event, (listeners.get(event) ?? []).filter((known) => known !== listener));
      return provider;
    },
  };
  const icon = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'><rect width='1' height='1'/></svg>";
  const info = { uuid: "5f2b6a0e-3c1d-4b7f-9a53-0d8c1e4f7a21", name: "Test wallet", icon, rdns: "org.example.testwallet" };
  const detail = Object.freeze({ info: Object.freeze(info), provider });
  const tell = () => window.dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail }));
  window.addEventListener("eip6963:requestProvider", tell);
  tell();
}
