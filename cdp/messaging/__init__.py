"""Messages to people, decided: what they say, to whom they may go, and where they stand.

Pure: definitions, data and ``now`` in, finished messages and verdicts out. ``templates`` has
Liquid, Markdown and MJML.
"""
