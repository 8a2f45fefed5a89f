// The queues: fauxqs, changed in two ways that bring it closer to SQS. A message wakes one long poll and not all of them, and
// a long poll whose client has gone away never swallows a message.
import { SqsQueue, SqsStore } from "../node_modules/fauxqs/dist/sqs/sqsStore.js";

const ACTIONS = [
  "CreateQueue", "GetQueueUrl", "GetQueueAttributes", "ListQueues", "SendMessage", "SendMessageBatch", "ReceiveMessage",
  "DeleteMessage", "DeleteMessageBatch", "ChangeMessageVisibility", "ChangeMessageVisibilityBatch",
];

export const now = () => Number(process.hrtime.bigint()) / 1e9; // the clock of Python's time.monotonic()
export const store = new SqsStore();
store.host = ""; // queue URLs then carry the host that the client used

const actions = {};
for (const action of ACTIONS) {
  const name = action[0].toLowerCase() + action.slice(1);
  actions[action] = (await import(`../node_modules/fauxqs/dist/sqs/actions/${name}.js`))[name];
}

SqsQueue.prototype.notifyWaiters = function () {
  let messages = this.messages.length;
  while (this.pollWaiters.length && messages-- > 0) {
    const waiter = this.pollWaiters.shift();
    clearTimeout(waiter.timer);
    waiter.resolve();
  }
};

function messageOrTimeout(queue, socket, seconds) {
  return new Promise((resolve) => {
    const waiter = {};
    const done = () => {
      clearTimeout(waiter.timer);
      socket.off("close", done);
      const place = queue.pollWaiters.indexOf(waiter);
      if (place >= 0) queue.pollWaiters.splice(place, 1);
      queue.stopPollTimerIfEmpty();
      resolve();
    };
    waiter.resolve = done;
    waiter.timer = setTimeout(done, seconds * 1000);
    socket.once("close", done);
    queue.pollWaiters.push(waiter);
    queue.startPollTimerIfNeeded();
  });
}

async function receive(body, socket) {
  // The wait is here, where it can be broken off; the engine is asked for what there is.
  const until = now() + (body.WaitTimeSeconds ?? 0);
  while (!socket.destroyed) {
    const answer = await actions.ReceiveMessage({ ...body, WaitTimeSeconds: 0 }, store);
    const left = until - now();
    if (answer.Messages?.length || left <= 0) return answer;
    await messageOrTimeout(store.getQueue(body.QueueUrl), socket, left);
  }
  return {};
}

export function act(action, body, request) {
  if (action === "ReceiveMessage") return receive(body, request.socket);
  if (!actions[action]) throw Object.assign(new Error(`unknown action ${action}`), { statusCode: 400 });
  return actions[action](body, store, request);
}
