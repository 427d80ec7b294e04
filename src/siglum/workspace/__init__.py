"""Files under version control: repository, .dvc files, ignore rules, add, checkout, status, transfer."""
