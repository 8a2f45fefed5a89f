// What the benchmark asks of the endpoint beside SQS.
import { randomUUID } from "node:crypto";
import * as counters from "./counters.mjs";
import { now, store } from "./engine.mjs";

const staged = new Map(); // queue name -> messages as their product enqueued them

export const reset = ({ queue }) => (counters.reset(queue), {});
export const stats = ({ queue }) => ({ ...counters.of(queue), now: now(), cpu: process.cpuUsage() });

export function depth({ queue }) {
  const found = store.getQueueByName(queue);
  found.processTimers();
  return { ready: found.messages.length, inflight: found.inflightMessages.size };
}

// Take what was enqueued out of the queue: `release` copies it.
export function stage({ queue }) {
  staged.set(queue, store.getQueueByName(queue).messages.splice(0));
  return { staged: staged.get(queue).length };
}

// Forget everything that waits or is in flight.
export function clear({ queue }) {
  const found = store.getQueueByName(queue);
  found.messages.splice(0);
  found.inflightMessages.clear();
  return {};
}

// Make `n` messages visible at one moment, without a producer that competes for the processor.
export function release({ queue, n, skip = 0 }) {
  const found = store.getQueueByName(queue);
  const from = staged.get(queue);
  const copies = Array.from({ length: n }, (_, i) => ({
    ...from[(skip + i) % from.length], messageId: randomUUID(), approximateReceiveCount: 0, sentTimestamp: Date.now(),
  }));
  const at = now();
  for (const copy of copies) found.messages.push(copy);
  found.notifyWaiters();
  return { at };
}
