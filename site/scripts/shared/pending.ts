// The requests whose responses change what the page shows. While one runs, live changes wait: a response can be older
// than a change that arrived before it, and would undo it on the page.

const pending = new Set<Promise<unknown>>();

/** Makes live changes wait for each run of the function. */
export const pauseLive =
  <Args extends unknown[], T>(run: (...args: Args) => Promise<T>) =>
  (...args: Args): Promise<T> => {
    const result = run(...args);
    pending.add(result);
    const done = () => void pending.delete(result);
    result.then(done, done);
    return result;
  };

/** Waits until no request runs. */
export async function noneRuns(): Promise<void> {
  while (pending.size > 0) await Promise.allSettled(pending);
}
