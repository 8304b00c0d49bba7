// The least a Worker can do: what a request costs before anybody's code runs.
export default {
  fetch() {
    return new Response();
  },
};
