// Runs a Worker without limits and log. They cost the same for all Workers, and so hide the differences.
const limiter = { limit: async () => ({ success: true }) };

export function bare(worker) {
  console.log = () => {};
  let bound;
  return {
    fetch(request, env, ctx) {
      bound ??= { ...env, ACCOUNT_LIMIT: limiter, ADDRESS_LIMIT: limiter };
      return worker.fetch(request, bound, ctx);
    },
  };
}
