"""What people define, as a folder of files: pull, plan, apply.

    files ── reading ──▶ Wanted ── planning ──▶ Plan ── applying ──▶ the store, in one transaction
    files ◀── writing ── Thing ◀────────────────────────────────────── the store

A `Handler` says of its kinds of objects how they look in a file and how they get into
the store. ``lock`` remembers what of the store a folder has seen, so that an apply over
somebody's later edit is refused.
"""
