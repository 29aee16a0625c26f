// Standard JSON from stdin through soljson.js, whose path is the one argument, to stdout.
// Sources come from the input alone: the callback for imports finds nothing.
"use strict";
const { readFileSync, writeSync } = require("fs");
const soljson = require(process.argv[2]);
const input = readFileSync(0, "utf8");

const copy = (text) => {
  const size = soljson.lengthBytesUTF8(text) + 1;
  const place = soljson.cwrap("solidity_alloc", "number", ["number"])(size);
  soljson.stringToUTF8(text, place, size);
  return place;
};
const refuse = (context, kind, data, contents, error) => {
  const place = copy("File not found: only sources of the input can be imported");
  soljson.setValue(error, place, "*");
};

let output;
if (typeof soljson._solidity_compile !== "function" && !soljson.asm) {
  throw new Error("soljson.js is older than 0.5.0");
}
const compile = soljson.cwrap("solidity_compile", "string", ["string", "number", "number"]);
if (typeof soljson.addFunction === "function") {
  const callback = soljson.addFunction(refuse, "viiiii");
  output = compile(input, callback, 0);
} else {
  output = compile(input, 0, 0);
}

const bytes = Buffer.from(output, "utf8");
for (let written = 0; written < bytes.length; ) {
  try {
    written += writeSync(1, bytes, written);
  } catch (error) {
    if (error.code !== "EAGAIN") throw error;
  }
}
process.exit(0);
