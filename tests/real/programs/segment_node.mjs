// Everything the scenario holds, sent with @segment/analytics-node.
import { Analytics } from "@segment/analytics-node";
import { calls } from "./scenario.mjs";

const analytics = new Analytics({
  writeKey: process.env.WRITE_KEY,
  host: process.env.HOST,
});
analytics.on("error", (error) => {
  console.error("not delivered:", error);
  process.exitCode = 1;
});
for (const [call, message] of calls) analytics[call](message);
await analytics.closeAndFlush({ timeout: 60_000 });
