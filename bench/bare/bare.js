// Takes a Worker's limits and its log away, to show what they hide when they cost more than the rest.
const limiter = { limit: async () => ({ success: true }) };

export function bare(worker) {
  console.log = () => {};
  let bound;
  return {
    fetch(request, env, ctx) {
      bound ??= { ...env, TOKEN_LIMIT: limiter, ADDRESS_LIMIT: limiter };
      return worker.fetch(request, bound, ctx);
    },
  };
}
