// What the benchmark counts, a queue: requests by kind, messages, and when things happened first and last.
import { now } from "./engine.mjs";

const counters = new Map();
const fresh = () => ({ calls: {}, received: 0, deleted: 0, visibility: 0, firstPoll: 0, firstReceive: 0, lastDelete: 0 });

export const reset = (queue) => counters.set(queue, fresh());
export const of = (queue) => counters.get(queue) ?? reset(queue).get(queue);

export function request(queue, action) {
  const counted = of(queue);
  counted.calls[action] = (counted.calls[action] ?? 0) + 1;
  if (action === "ReceiveMessage") counted.firstPoll ||= now();
  return counted;
}

export function answer(queue, action, body, out, asked) {
  const messages = body.Entries?.length ?? 1;
  let counted = of(queue);
  if (action === "ReceiveMessage" && out.Messages?.length) {
    // A poll that was open when the counters were set to zero belongs to what it brings.
    if (counted !== asked) counted = request(queue, action);
    counted.received += out.Messages.length;
    counted.firstReceive ||= now();
  } else if (action.startsWith("DeleteMessage")) {
    counted.deleted += messages;
    counted.lastDelete = now();
  } else if (action.startsWith("ChangeMessageVisibility")) counted.visibility += messages;
}
