// Sends calls of a contract through a wallet of the browser.
// Wallets announce themselves by EIP-6963; the server makes the calldata; nothing is kept.
const panel = document.getElementById("wallet");
const state = document.getElementById("wallet-state");
const choices = document.getElementById("wallet-choices");
const chainForm = document.getElementById("wallet-chain");
const rpc = document.getElementById("wallet-rpc");
const chain = BigInt(panel.dataset.chain);
const address = panel.dataset.address;

const WALLETS_MAX = 20; // an extension may announce as many as it likes
const NAME_MAX = 40;
const wallets = new Map(); // by uuid: { info, provider }
let current = null; // { name, provider, account }

const say = (text) => { state.textContent = text; };
const short = (text) => `${text.slice(0, 8)}…${text.slice(-6)}`;

// What went wrong, in words. Codes are those of EIP-1193, EIP-1474 and EIP-3326.
const words = (error) => {
  const code = error?.code ?? error?.data?.originalError?.code;
  const message = String(error?.data?.message ?? error?.message ?? error).slice(0, 400);
  switch (code) {
    case 4001: return "You declined it in the wallet.";
    case 4100: return "The wallet does not allow this page to use that account: connect again.";
    case 4200: return "The wallet cannot do this.";
    case 4900: case 4901: return "The wallet has no connection to this chain: check its network.";
    case 4902: return "The wallet does not know this chain: add it above.";
    case -32002: return "The wallet has a question open already: look at its window.";
    case -32000: case -32003: return `The node refused the transaction: ${message}`;
    default: return `The wallet says: ${message}`;
  }
};

const request = (provider, method, params = []) => provider.request({ method, params });

// Wei of a decimal number of ether, without the error of floating point.
const wei = (text) => {
  const typed = text.trim();
  if (typed === "") return 0n;
  const parts = /^(\d{1,30})?(?:\.(\d{0,18}))?$/.exec(typed);
  if (!parts || (!parts[1] && !parts[2])) {
    throw new Error("the value is no amount of ether: digits, a point, and at most 18 more");
  }
  return BigInt(parts[1] ?? "0") * 10n ** 18n + BigInt((parts[2] ?? "").padEnd(18, "0"));
};

const sendable = (on) => {
  for (const button of document.querySelectorAll("button[data-send]")) button.hidden = !on;
};

// Looks which chain the wallet is on, and offers to switch where it is another.
const check = async () => {
  if (!current) return false;
  const found = BigInt(await request(current.provider, "eth_chainId"));
  const right = found === chain;
  chainForm.hidden = right;
  const who = `${current.name}, account ${current.account}`;
  say(right ? `Connected: ${who}.` : `Connected: ${who}. It is on chain ${found}, and this contract is on chain ${chain}.`);
  return right;
};

const disconnect = (text) => {
  current = null;
  chainForm.hidden = true;
  sendable(false);
  say(text);
};

const listening = new WeakSet();
const listen = (provider) => {
  if (listening.has(provider) || typeof provider.on !== "function") return;
  listening.add(provider);
  provider.on("accountsChanged", (accounts) => {
    if (current?.provider !== provider) return;
    if (!accounts?.length) { disconnect("The wallet is not connected any more."); return; }
    current.account = accounts[0];
    check().catch((error) => say(words(error)));
  });
  provider.on("chainChanged", () => {
    if (current?.provider === provider) check().catch((error) => say(words(error)));
  });
};

const connect = async ({ info, provider }) => {
  const name = String(info.name).slice(0, NAME_MAX);
  say(`${name} asks whether this page may see an account…`);
  try {
    const accounts = await request(provider, "eth_requestAccounts");
    if (!accounts?.length) throw new Error("it gave no account");
    current = { name, provider, account: accounts[0] };
    listen(provider);
    sendable(true);
    await check();
  } catch (error) {
    disconnect(words(error));
  }
};

const offer = (wallet) => {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "plain";
  // Pictures alone, and from the wallet itself: the page's policy would load no other.
  if (/^data:image\/(png|jpeg|gif|webp|svg\+xml)[;,]/.test(wallet.info.icon ?? "")) {
    const icon = document.createElement("img");
    icon.src = wallet.info.icon;
    icon.alt = "";
    button.append(icon);
  }
  button.append(`Connect ${String(wallet.info.name).slice(0, NAME_MAX)}`);
  button.addEventListener("click", () => connect(wallet));
  item.append(button);
  choices.append(item);
};

const none = `No wallet was found in this browser. Each form shows its calldata, which any wallet or “cast send” can send.`;
window.addEventListener("eip6963:announceProvider", (event) => {
  const { info, provider } = event.detail ?? {};
  const known = !info?.uuid || wallets.has(info.uuid) || wallets.size >= WALLETS_MAX;
  if (known || typeof provider?.request !== "function") return;
  const wallet = { info, provider };
  wallets.set(info.uuid, wallet);
  offer(wallet);
  if (!current) say("Choose a wallet:");
});
say("Looking for wallets…");
window.dispatchEvent(new Event("eip6963:requestProvider"));
setTimeout(() => {
  // Wallets from before EIP-6963 are found where they used to be.
  if (wallets.size === 0 && typeof window.ethereum?.request === "function") {
    const wallet = { info: { uuid: "window", name: "the wallet of this browser" }, provider: window.ethereum };
    wallets.set("window", wallet);
    offer(wallet);
    say("Choose a wallet:");
  } else if (wallets.size === 0) {
    say(none);
  }
}, 500);

rpc.value = `http://${location.hostname}:8545`;
chainForm.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!current) return;
  const chainId = `0x${chain.toString(16)}`;
  try {
    try {
      await request(current.provider, "wallet_switchEthereumChain", [{ chainId }]);
    } catch (error) {
      // Wallets say differently that they do not know a chain; adding asks the person anyway.
      if (error?.code === 4001) throw error;
      await request(current.provider, "wallet_addEthereumChain", [{
        chainId,
        chainName: `Heddle ${chain}`,
        nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
        rpcUrls: [rpc.value],
        ...(location.protocol === "https:" && { blockExplorerUrls: [location.origin] }),
      }]);
    }
    await check();
  } catch (error) {
    say(words(error));
  }
});

// The call of a form, made by the server.
const encode = async (form) => {
  const query = new URLSearchParams(new FormData(form));
  query.delete("tab");
  query.delete("from");
  query.delete("ether");
  const answer = await fetch(`/address/${address}/contract/encode?${query}`);
  const body = await answer.json().catch(() => ({ error: `the explorer answers with status ${answer.status}` }));
  if (!answer.ok) throw new Error(body.error);
  return body;
};

const send = async (button) => {
  const form = button.form;
  const outcome = form.querySelector("[data-outcome]");
  const tell = (...parts) => outcome.replaceChildren(...parts);
  button.disabled = true;
  let data = null;
  try {
    let value;
    try {
      value = wei(form.elements.ether?.value ?? "");
      data = (await encode(form)).data;
    } catch (error) {
      tell(`Not sent: ${error.message}`);
      return;
    }
    if (!(await check())) {
      tell("Not sent: the wallet is on another chain. Switch it above.");
      return;
    }
    tell("Waiting for the wallet…");
    const call = { from: current.account, to: address, data, value: `0x${value.toString(16)}` };
    const hash = await request(current.provider, "eth_sendTransaction", [call]);
    if (!/^0x[0-9a-f]{64}$/i.test(hash)) throw new Error("it gave no hash of a transaction");
    const link = document.createElement("a");
    link.href = `/tx/${hash}`;
    link.textContent = short(hash);
    tell("Sent: transaction ", link);
  } catch (error) {
    tell(words(error), data ? ` Its calldata: ${data.slice(0, 2000)}` : "");
  } finally {
    button.disabled = false;
  }
};

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("button[data-send]");
  if (button && current) send(button);
});
