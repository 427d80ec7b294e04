"""Contract suites for implementations of Siglum's ports, ours and third parties'."""
