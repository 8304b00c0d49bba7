// Import this before any other file of tests/support/: the Worker then has three databases, and the one with the tests'
// accounts has two read replicas.
process.env.TEST_CONFIGURATION = "both";
