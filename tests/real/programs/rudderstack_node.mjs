// Everything the scenario holds, sent with @rudderstack/rudder-sdk-node.
import Analytics from "@rudderstack/rudder-sdk-node";
import { calls } from "./scenario.mjs";

const analytics = new Analytics(process.env.WRITE_KEY, {
  dataPlaneUrl: process.env.HOST,
  flushInterval: 60_000,
  // Its default of 20 s would be most of the test.
  timeout: 5_000,
  logLevel: "error",
});
// It sends its first message at once, so there are two requests.
const sent = calls.map(
  ([call, message]) =>
    new Promise((resolve, reject) =>
      analytics[call](message, (error) => (error ? reject(error) : resolve())),
    ),
);
await analytics.flush();
await Promise.all(sent);
process.exit(0);
