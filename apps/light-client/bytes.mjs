// Bytes and numbers in JSON, which may come from anybody.

/** Bytes in hexadecimal digits, so many if `length` is given. */
export function bytesOf(text, what, length) {
  if (typeof text !== "string" || !/^0x([0-9a-f]{2})*$/i.test(text)) throw new Error(`${what}: no bytes`);
  const bytes = Buffer.from(text.slice(2), "hex");
  if (length !== undefined && bytes.length !== length) {
    throw new Error(`${what}: ${bytes.length} bytes, and not ${length}`);
  }
  return bytes;
}

/** A number in hexadecimal digits. */
export function numberOf(text, what) {
  if (typeof text !== "string" || !/^0x[0-9a-f]+$/i.test(text)) throw new Error(`${what}: no number`);
  return small(BigInt(text), what);
}

/** A number that JavaScript counts exactly with; heights, epochs and views are. */
export function small(number, what) {
  if (number > BigInt(Number.MAX_SAFE_INTEGER)) throw new Error(`${what}: too large`);
  return Number(number);
}

export const hex = (bytes) => `0x${bytes.toString("hex")}`;

/** A number in 32 bytes. */
export const word = (number) => Buffer.from(number.toString(16).padStart(64, "0"), "hex");
