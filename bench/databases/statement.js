// A Worker that sends one statement, in a session or without: what D1 itself takes for a session.
export default {
  async fetch(_, { DB, SESSION }) {
    const database = SESSION ? DB.withSession("first-primary") : DB;
    const [{ results }] = await database.batch([DB.prepare("SELECT ?1 AS number").bind(7)]);
    return Response.json(results);
  },
};
