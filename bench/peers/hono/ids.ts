// Ids that sort by time of creation: seven base62 characters of milliseconds, nine random ones.
const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

export function base62(value: number, width: number): string {
  let text = "";
  for (let i = 0; i < width; i += 1) {
    text = DIGITS[value % 62] + text;
    value = Math.floor(value / 62);
  }
  return text;
}

export function newId(): string {
  let id = base62(Date.now(), 7);
  for (const byte of crypto.getRandomValues(new Uint8Array(9))) id += DIGITS[byte % 62];
  return id;
}
