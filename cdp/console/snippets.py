"""What one pastes into an app to send its first events, with the real key."""

from __future__ import annotations

import json
from typing import NamedTuple

from flask import request

from cdp.console.context import console

# The classic loader: queues calls until the library is there. Written anew after the
# documented protocol (methods, invoked flag, queue of arrays).
_BROWSER = """<script>
!function(){{var a=window.analytics=window.analytics||[];if(a.initialize)return;
if(a.invoked){{console.error("The snippet is on this page twice.");return}}
a.invoked=!0;
a.methods=["trackSubmit","trackClick","trackLink","trackForm","pageview","identify","reset",
"group","track","ready","alias","debug","page","once","off","on","addSourceMiddleware",
"addIntegrationMiddleware","setAnonymousId","addDestinationMiddleware","register"];
a.factory=function(m){{return function(){{if(window.analytics.initialized)
return window.analytics[m].apply(window.analytics,arguments);
var args=Array.prototype.slice.call(arguments);args.unshift(m);a.push(args);return a}}}};
for(var i=0;i<a.methods.length;i++)a[a.methods[i]]=a.factory(a.methods[i]);
a.load=function(key,options){{var s=document.createElement("script");s.async=!0;
s.src={host}+"/analytics.js/v1/"+key+"/analytics.min.js";
var first=document.getElementsByTagName("script")[0];first.parentNode.insertBefore(s,first);
a._loadOptions=options}};
a._writeKey={key};a._cdn={host};a.SNIPPET_VERSION="5.2.1";
a.load({key});
a.page();
}}();
</script>"""

_NODE = """// npm install @segment/analytics-node
import {{ Analytics }} from "@segment/analytics-node";

const analytics = new Analytics({{ writeKey: {key}, host: {host} }});

analytics.identify({{ userId: "u1", traits: {{ email: "ana@example.com", name: "Ana" }} }});
analytics.track({{ userId: "u1", event: "Order Completed", properties: {{ total: 42 }} }});
await analytics.closeAndFlush();
"""

_PYTHON = """# pip install segment-analytics-python
import segment.analytics as analytics

analytics.write_key = {key}
analytics.host = {host}

analytics.identify("u1", {{"email": "ana@example.com", "name": "Ana"}})
analytics.track("u1", "Order Completed", {{"total": 42}})
analytics.flush()
"""

_CURL = """curl -u {plain}: {host_plain}/v1/identify \\
  -H 'Content-Type: application/json' \\
  -d '{{"userId": "u1", "traits": {{"email": "ana@example.com", "name": "Ana"}}}}'
"""


class Snippet(NamedTuple):
    """A piece of code for one kind of app."""

    key: str
    name: str
    text: str


def host() -> str:
    """The address by which apps reach this server."""
    return (console().settings.public_url or request.host_url).rstrip("/")


def snippets(write_key: str) -> list[Snippet]:
    """The snippets of a source."""
    plain = host()
    # Inside <script>, "</" would end the element.
    quoted = {
        "key": json.dumps(write_key).replace("</", "<\\/"),
        "host": json.dumps(plain).replace("</", "<\\/"),
        "plain": write_key,
        "host_plain": plain,
    }
    return [
        Snippet("browser", "Browser", _BROWSER.format(**quoted)),
        Snippet("node", "Node", _NODE.format(**quoted)),
        Snippet("python", "Python", _PYTHON.format(**quoted)),
        Snippet("curl", "curl", _CURL.format(**quoted)),
    ]
