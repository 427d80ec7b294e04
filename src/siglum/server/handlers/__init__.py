"""What each route does: a request message in, a store call, an answer message out."""
