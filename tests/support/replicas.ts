// Import this before any other file of tests/support/: the Worker's database then has two read replicas.
process.env.TEST_CONFIGURATION = "replicated";
