"""The issue's listing of data: run as a user would, in a repository that the test made, with nothing of the tests."""

import json
import sys

import siglum.api
from siglum.repo import Repo

here, url = sys.argv[1:]

# What version 1.0 had, wherever it is read from, although the workspace has moved on.
for repo in (".", here, url):
    with siglum.api.open("data/train.csv", repo=repo, rev="v1.0") as file:
        assert file.readline() == "a,b\n"
        assert file.readline() == "2,1\n"
    text = siglum.api.read(path="data/train.csv", repo=repo, rev="v1.0")
    assert text == "a,b\n2,1\n1,0\n"
    assert siglum.api.read("data/train.csv", repo=repo, rev="v1.0", mode="rb") == text.encode()
address = siglum.api.get_url(path="data/train.csv", repo=here, rev="v1.0")
assert siglum.api.read("data/train.csv") == "a,b\n3,1\n"

pulled = Repo(".").pull("data/train.csv")
Repo(".").pull()
results = Repo(".").reproduce()
print(
    json.dumps(
        {
            "url": address,
            "pulled": pulled,
            "status": Repo(".").status(),
            "reproduced": [(result.address, result.outcome.value) for result in results],
        }
    )
)
