// The list of compilers that `forge verify-contract` insists on reading from
// binaries.soliditylang.org, with or without need of it: here it gets one with the compiler that
// npm installed, so that flows reach nothing but package registries. It comes by a proxy whose
// certificate forge is told to trust; whatever else is asked of the proxy is refused.

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { createServer as createProxy } from "node:http";
import { createServer } from "node:https";
import { connect } from "node:net";
import { join } from "node:path";
import solc from "solc";
import { made } from "./paths.mjs";

const HOST = "binaries.soliditylang.org";
const LIST = "/bin/list.txt";

/** Starts it. Gives the variables that lead a program to it. */
export async function serve() {
  const { key, certificate, path } = certify();
  const name = solc.version().replace(".Emscripten.clang", "");
  const list = createServer({ key, cert: certificate }, (request, response) => {
    const known = request.url === LIST;
    response.writeHead(known ? 200 : 404).end(known ? `soljson-v${name}.js\n` : "");
  });
  const behind = await listen(list);
  const proxy = createProxy((request, response) => response.writeHead(403).end());
  proxy.on("connect", (request, client, head) => {
    if (request.url !== `${HOST}:443`) return client.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    const server = connect(behind, "127.0.0.1", () => {
      client.write("HTTP/1.1 200 OK\r\n\r\n");
      server.write(head);
      server.pipe(client).pipe(server);
    });
    // Either side may leave when it has what it wants.
    for (const socket of [client, server]) socket.on("error", () => socket.destroy());
  });
  const url = `http://127.0.0.1:${await listen(proxy)}`;
  return { https_proxy: url, HTTPS_PROXY: url, SSL_CERT_FILE: path };
}

function listen(server) {
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(server.address().port));
  });
}

/** A certificate for a day, whose key nobody else has. */
function certify() {
  const folder = join(made, "versions");
  mkdirSync(folder, { recursive: true });
  const [keyPath, path] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
  const options = [
    "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "1",
    "-subj", `/CN=${HOST}`, "-addext", `subjectAltName=DNS:${HOST}`, "-addext", "basicConstraints=critical,CA:FALSE",
    "-keyout", keyPath, "-out", path,
  ];
  try {
    execFileSync("openssl", options, { stdio: ["ignore", "ignore", "pipe"] });
  } catch (error) {
    throw new Error(`openssl, which makes a certificate, failed; run \`apt-get install openssl\`: ${error.message}`);
  }
  return { key: readFileSync(keyPath), certificate: readFileSync(path), path };
}
