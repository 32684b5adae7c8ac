"""GitHub's container registry as its Packages API shows it: versions with ids.

client.py    GhcrPackages: the port `Packages`
api.py       a request to the API: whose package, with the token, and with patience
listing.py   all versions, and proof that none was missed
paging.py    one page after the other
reading.py   what the API's JSON says of a version
failures.py  what an answer means that is no success
token.py     where the token is kept
"""

from moorline.adapters.ghcr.client import GhcrPackages
from moorline.adapters.ghcr.token import github_token

__all__ = ["GhcrPackages", "github_token"]
