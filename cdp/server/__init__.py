"""The processes: one Flask app for all that speaks HTTP, and who runs what.

`cdp serve` is a supervisor over three processes: web (granian), pipeline and
delivery. Scaled out, `cdp web` and `cdp worker` run the same parts on many hosts.
"""
