// A local SQS endpoint that counts: AWS JSON 1.0 over HTTP, and /_bench/COMMAND beside it. Prints its port.
import http from "node:http";
import * as control from "./control.mjs";
import * as counters from "./counters.mjs";
import { act } from "./engine.mjs";

const nameIn = (body) => (body.QueueUrl ? body.QueueUrl.slice(body.QueueUrl.lastIndexOf("/") + 1) : (body.QueueName ?? "-"));

async function sqs(action, body, request) {
  const queue = nameIn(body);
  const asked = counters.request(queue, action);
  const out = await act(action, body, request);
  counters.answer(queue, action, body, out ?? {}, asked);
  return out;
}

function dispatch(body, request) {
  if (request.url.startsWith("/_bench/")) return control[request.url.slice(8)](body);
  return sqs((request.headers["x-amz-target"] ?? "").replace("AmazonSQS.", ""), body, request);
}

async function serve(request, response, text) {
  let status = 200, out;
  try {
    out = await dispatch(JSON.parse(text || "{}"), request);
  } catch (error) {
    status = error.statusCode ?? 500;
    out = error.toJSON ? error.toJSON() : { __type: "InternalError", message: String(error.message) };
    if (error.queryErrorHeader) response.setHeader("x-amzn-query-error", error.queryErrorHeader);
  }
  const data = JSON.stringify(out ?? {});
  response.writeHead(status, { "content-type": "application/x-amz-json-1.0", "content-length": Buffer.byteLength(data) });
  response.end(data);
}

const server = http.createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => serve(request, response, Buffer.concat(chunks).toString()));
});
server.keepAliveTimeout = 120_000;
server.on("connection", (socket) => socket.setNoDelay(true));
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
