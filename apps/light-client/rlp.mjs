// RLP, as Ethereum has it: byte strings, and lists of items.

/** The item that bytes encode, in the one way that there is: a Buffer, or a list of items. */
export function decode(bytes) {
  const [item, end] = read(bytes, 0);
  if (end !== bytes.length) throw new Error("bytes follow an item in RLP");
  return item;
}

function read(bytes, at) {
  if (at >= bytes.length) throw new Error("an item in RLP is cut off");
  const first = bytes[at];
  if (first < 0x80) return [bytes.subarray(at, at + 1), at + 1];
  const isList = first >= 0xc0;
  let length = first - (isList ? 0xc0 : 0x80);
  let start = at + 1;
  if (length > 55) {
    const width = length - 55;
    if (width > 4) throw new Error("an item in RLP is too long");
    if (start + width > bytes.length) throw new Error("an item in RLP is cut off");
    length = bytes.readUIntBE(start, width);
    if (bytes[start] === 0 || length <= 55) throw new Error("a length in RLP is not as short as it could be");
    start += width;
  }
  const end = start + length;
  if (end > bytes.length) throw new Error("an item in RLP is cut off");
  if (!isList) {
    if (length === 1 && bytes[start] < 0x80) throw new Error("a byte in RLP is not as short as it could be");
    return [bytes.subarray(start, end), end];
  }
  const within = bytes.subarray(0, end);
  const items = [];
  while (start < end) {
    const [item, next] = read(within, start);
    items.push(item);
    start = next;
  }
  return [items, end];
}

/** The bytes of a Buffer, a number (BigInt), or a list of them. */
export function encode(item) {
  if (typeof item === "bigint") return encode(shortest(item));
  if (Array.isArray(item)) {
    const bytes = Buffer.concat(item.map(encode));
    return Buffer.concat([head(bytes.length, 0xc0), bytes]);
  }
  if (item.length === 1 && item[0] < 0x80) return item;
  return Buffer.concat([head(item.length, 0x80), item]);
}

function head(length, kind) {
  if (length <= 55) return Buffer.from([kind + length]);
  const bytes = shortest(BigInt(length));
  return Buffer.concat([Buffer.from([kind + 55 + bytes.length]), bytes]);
}

/** A number without zeros before it. */
function shortest(number) {
  if (number === 0n) return Buffer.alloc(0);
  const digits = number.toString(16);
  return Buffer.from(digits.length % 2 ? `0${digits}` : digits, "hex");
}
