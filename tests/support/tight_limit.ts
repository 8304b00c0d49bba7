// Import this before any other file of tests/support/: the Worker's rate limiters then let five requests a minute
// through.
process.env.TEST_LIMIT = "5";
