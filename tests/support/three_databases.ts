// Import this before any other file of tests/support/: the Worker then has three databases.
process.env.TEST_CONFIGURATION = "three";
