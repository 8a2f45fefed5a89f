// Takes the runs that rota posts: verifies each, does it, and answers what became of it.
import express from "express";
import { Webhook } from "standardwebhooks";
import { jobs } from "./jobs.js";

const { ROTA_ENDPOINT = "web", ROTA_KEYS, HOST = "0.0.0.0", PORT = 8080 } = process.env;
const { keys = [], first } = JSON.parse(ROTA_KEYS); // two while one replaces the other
const secrets = keys.length ? keys.map((key) => key.secret) : [`whsec_${first}`]; // `first` until the first rotation
const webhooks = secrets.map((secret) => new Webhook(secret));
const seen = new Map(); // what became of each webhook-id, in this process; for a fleet, keep it in a database

function verified(request) {
  for (const webhook of webhooks) {
    try {
      return webhook.verify(request.body, request.headers); // the raw bytes: JSON written anew would be others
    } catch {} // not this key's
  }
}

const app = express().disable("x-powered-by");
app.get("/jobs/health", (request, response) => response.sendStatus(200));
app.post("/jobs", express.raw({ type: "application/json", limit: "1mb" }), async (request, response) => {
  const [run, id] = [verified(request), request.headers["webhook-id"]];
  if (!run) return response.sendStatus(401);
  if (run.endpoint !== ROTA_ENDPOINT) return response.sendStatus(421); // signed for somebody else
  if (!jobs.has(run.job)) return response.sendStatus(404);
  if (seen.get(id) === "done") return response.sendStatus(200);
  if (seen.get(id) === "runs") return response.set("Retry-After", "10").sendStatus(202);
  if (seen.set(id, "runs").size > 10_000) seen.delete(seen.keys().next().value);
  try {
    await jobs.get(run.job)(run);
    seen.set(id, "done");
    response.sendStatus(200);
  } catch (error) {
    seen.delete(id); // it may run again: the next attempt has the same id
    console.error(`${run.run}: ${error}`);
    response.status(500).type("text").send(String(error));
  }
});
app.use((error, request, response, next) => response.sendStatus(error.status ?? 500)); // no stack for strangers

const server = app.listen(PORT, HOST, () => console.log(`listening on port ${server.address().port}`));
server.keepAliveTimeout = 65_000; // longer than the balancer's, or it writes to a connection that is just closing: 502
process.on("SIGTERM", () => server.close()); // what runs may end
