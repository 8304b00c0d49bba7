// A lock between processes: a file that holds the owner's process id, and is worth nothing once that process is gone.
// @ts-check
import { linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/** Does some work while no other process holds the lock.
 * @template T @param {string} file @param {() => Promise<T>} work @returns {Promise<T>} */
export async function withLock(file, work) {
  const mine = `${file}.${process.pid}`;
  writeFileSync(mine, String(process.pid));
  try {
    for (let waited = false; !take(mine, file); waited = true) {
      const owner = ownerOf(file);
      if (owner === undefined) continue;
      if (!isAlive(owner)) rmSync(file, { force: true });
      else {
        if (!waited) console.error(`… waiting for process ${owner}, which is setting up too (${file})`);
        await delay(200);
      }
    }
    try {
      return await work();
    } finally {
      rmSync(file, { force: true });
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

/** A hard link appears whole or not at all, its content with it.
 * @param {string} mine @param {string} file */
function take(mine, file) {
  try {
    linkSync(mine, file);
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === "EEXIST") return false;
    throw error;
  }
}

/** @param {string} file @returns {number | undefined} nothing when the lock has just been given back */
function ownerOf(file) {
  try {
    return Number(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === "EPERM";
  }
}
