"""What a script writes to runs, kept on disk until the store has it: a file for each run of each process.

`journal` is the file, `frames` how it is read, `records` what is in it, `run_spool` a run's end of it, `queue` all of
a process with the threads of `worker`; `sender` decides when is sent, `selection` what at once, `delivery` and
`file_delivery` how. What a store refuses is in `losses` until it is told. Beside a journal are notes: of why it waits
(`reasons`), what was refused (`refused`) and what cannot be read (`unreadable`). `tracking`, `asking` and `files` are
the ports that write here instead of to a server; `inventory` looks at what processes that have gone left behind,
`leftovers` sends it.
"""
