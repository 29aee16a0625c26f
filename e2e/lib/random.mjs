// Numbers that a seed determines.

/** A generator: `below(n)` gives 0 to n - 1. It is mulberry32. */
export function generator(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const below = (limit) => next() % limit;
  const pick = (list) => list[below(list.length)];
  const bytes = (count) => Array.from({ length: count }, () => below(256).toString(16).padStart(2, "0")).join("");
  return { below, pick, bytes, chance: (percent) => below(100) < percent };
}
