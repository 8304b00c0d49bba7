// Import this before wrangler: its harness on its own business only. No look-up of where this machine is, no telemetry,
// no log; and no local traces, which record every call between Workers and to D1 and take two thirds of all CPU time.
Object.assign(process.env, {
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_LOG: "none",
  X_LOCAL_OBSERVABILITY: "false",
  X_LOCAL_EXPLORER: "false",
});
