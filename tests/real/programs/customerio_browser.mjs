// @customerio/cdp-analytics-browser as an app's bundler takes it in.
import { AnalyticsBrowser } from "@customerio/cdp-analytics-browser";

window.AnalyticsBrowser = AnalyticsBrowser;
