// Import this before wrangler: its test harness makes no requests of its own, neither for a location nor for telemetry,
// writes no log, and no local traces, which record every call between Workers and to D1 and take two thirds of the CPU.
Object.assign(process.env, {
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_LOG: "none",
  X_LOCAL_OBSERVABILITY: "false",
  X_LOCAL_EXPLORER: "false",
});
