"""What a script writes to runs, kept on disk until the store has it: a file for each run of each process.

`journal` is the file, `records` what is in it, `run_spool` a run's end of it, `queue` all of a process with the thread
that sends, `delivery` how records reach a store. `tracking` and `files` are the ports that write here instead of to a
server; `leftovers` deals with what processes that have gone left behind.
"""
