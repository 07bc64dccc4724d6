"""Files in and out: people from a spreadsheet, and everything as files.

In: a table file is read line by line (`tables`), a mapping says what its columns are
(`mapping`), each row becomes an identify or group call (`rows`) from a source of its
own (`importing`), so that it can be tried before (`dryrun`) and taken back (`undo`).
Out: `lines` writes the store's content in canonical order and form, so that equal
states give equal bytes; `replay` writes the messages themselves and takes them again.
"""
