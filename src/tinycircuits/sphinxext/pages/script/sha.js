/** SHA-256, and what is hashed and covered with it: a page that was opened as a file may have no `crypto.subtle`. */

/** The first 32 bits of the fractional parts of a power of the primes. @param {number} size @param {number} power */
function primes(size, power) {
  /** @type {number[]} */
  const found = [];
  for (let n = 2; found.length < size; n++) if (found.every((p) => n % p)) found.push(n);
  return found.map((p) => ((p ** power % 1) * 2 ** 32) | 0);
}

const ROUND = primes(64, 1 / 3);
const START = primes(8, 1 / 2);

/** @param {number} x @param {number} n */
const turned = (x, n) => (x >>> n) | (x << (32 - n));

/** @param {string} text @returns {Uint8Array} 32 bytes */
export function sha256(text) {
  const given = new TextEncoder().encode(text);
  const all = new Uint8Array(Math.ceil((given.length + 9) / 64) * 64);
  all.set(given);
  all[given.length] = 0x80;
  const view = new DataView(all.buffer);
  view.setUint32(all.length - 8, Math.floor(given.length / 2 ** 29));
  view.setUint32(all.length - 4, given.length << 3);
  const state = Int32Array.from(START);
  const w = new Int32Array(64);
  for (let at = 0; at < all.length; at += 64) {
    for (let i = 0; i < 64; i++) {
      if (i < 16) w[i] = view.getInt32(at + 4 * i);
      else {
        const [x, y] = [w[i - 15], w[i - 2]];
        w[i] =
          w[i - 16] +
          (turned(x, 7) ^ turned(x, 18) ^ (x >>> 3)) +
          w[i - 7] +
          (turned(y, 17) ^ turned(y, 19) ^ (y >>> 10));
      }
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 64; i++) {
      const one = (h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & f) ^ (~e & g)) + ROUND[i] + w[i]) | 0;
      const two = ((turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((value, i) => (state[i] += value));
  }
  const found = new DataView(new ArrayBuffer(32));
  state.forEach((value, i) => found.setInt32(4 * i, value));
  return new Uint8Array(found.buffer);
}

/** The beginning of the hash of an answer, as `exercises/keys.py` has it. @param {string} salt @param {string} answer */
export const hashed = (salt, answer) =>
  [...sha256(`${salt}|${answer}`).subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** Words that an answer covers. @param {string} salt @param {string} answer @param {string} covered in base64 */
export function uncovered(salt, answer, covered) {
  const data = Uint8Array.from(atob(covered), (letter) => letter.charCodeAt(0));
  for (let at = 0; at < data.length; at += 32) {
    const block = sha256(`${salt}|${answer}|${at / 32}`);
    for (let i = 0; i < 32 && at + i < data.length; i++) data[at + i] ^= block[i];
  }
  return new TextDecoder().decode(data);
}
